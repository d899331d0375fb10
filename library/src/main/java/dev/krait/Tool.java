package dev.krait;

import dev.krait.error.EngineException;
import dev.krait.service.SchemaJson;
import java.util.LinkedHashMap;
import java.util.Map;

/// A function that a model may call.
///
/// @param name its name
/// @param description what it is for, for the model; may be empty
/// @param parameters JSON schema of the object with its arguments, as text
public record Tool(String name, String description, String parameters) {
  /// Checks that there is a name and that the schema is an object.
  ///
  /// @throws EngineException with INVALID_ARGUMENT when not
  public Tool {
    if (name.isEmpty()) {
      throw EngineException.invalidArgument("tool", "no name", "a name");
    }
    schema(name, parameters);
  }

  /// As the OpenAI API has it, for chat templates.
  Object definition() {
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", name);
    if (!description.isEmpty()) {
      function.put("description", description);
    }
    function.put("parameters", schema(name, parameters));
    return Map.of("type", "function", "function", function);
  }

  private static Object schema(String name, String text) {
    String field = "parameters of " + name;
    if (SchemaJson.read(field, text) instanceof Map<?, ?> schema) {
      return schema;
    }
    throw EngineException.invalidArgument(field, EngineException.shown(text), "a JSON object");
  }
}
