package dev.krait.reply;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The tools that a reply may call, by name.
public final class Tools {
  private static final String STRING = "string";
  private static final String NULL = "null";

  private final Map<String, Map<?, ?>> parameters;

  private Tools(Map<String, Map<?, ?>> parameters) {
    this.parameters = parameters;
  }

  /// No tool: nothing is a call.
  public static Tools none() {
    return new Tools(Map.of());
  }

  /// Tools as the OpenAI API defines them: `{"type": "function", "function": {"name": ...}}`.
  public static Tools of(List<?> definitions) {
    Map<String, Map<?, ?>> parameters = new HashMap<>();
    for (Object definition : definitions) {
      Map<?, ?> function = map(map(definition).get("function"));
      if (function.get("name") instanceof String name) {
        parameters.put(name, map(map(function.get("parameters")).get("properties")));
      }
    }
    return new Tools(Map.copyOf(parameters));
  }

  /// Whether there is none.
  boolean isEmpty() {
    return parameters.isEmpty();
  }

  /// Whether there is a tool of this name.
  public boolean has(String name) {
    return parameters.containsKey(name);
  }

  /// Names of the tools.
  public Set<String> names() {
    return parameters.keySet();
  }

  /// The JSON type of a parameter, null aside; string where the schema names none.
  String type(String tool, String parameter) {
    return types(tool, parameter).stream()
        .filter(type -> !type.equals(NULL))
        .findFirst()
        .orElse(STRING);
  }

  /// Whether null is a value of a parameter.
  boolean isNullable(String tool, String parameter) {
    return types(tool, parameter).contains(NULL);
  }

  private List<String> types(String tool, String parameter) {
    Map<?, ?> schemas = Objects.requireNonNullElse(parameters.get(tool), Map.of());
    Map<?, ?> schema = map(schemas.get(parameter));
    List<String> types = new ArrayList<>(named(schema.get("type")));
    for (String choice : List.of("anyOf", "oneOf")) {
      if (schema.get(choice) instanceof List<?> options) {
        options.forEach(option -> types.addAll(named(map(option).get("type"))));
      }
    }
    return types;
  }

  private static List<String> named(@Nullable Object type) {
    return switch (type) {
      case String one -> List.of(one);
      case List<?> several -> several.stream().map(String::valueOf).toList();
      case null, default -> List.of();
    };
  }

  private static Map<?, ?> map(@Nullable Object value) {
    return value instanceof Map<?, ?> map ? map : Map.of();
  }
}
