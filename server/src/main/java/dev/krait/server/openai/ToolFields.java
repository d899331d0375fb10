package dev.krait.server.openai;

import dev.krait.error.EngineException;
import dev.krait.reply.ToolUse;
import dev.krait.reply.ToolUse.Choice;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// The fields of a chat that speak of tools.
final class ToolFields {
  private static final String FUNCTION = "function";

  private ToolFields() {}

  /// Reads them.
  ///
  /// @throws EngineException with INVALID_ARGUMENT for tools without a name and choices of what is
  ///   not there, UNSUPPORTED for tools that are no functions
  static ToolUse of(JsonFields fields) {
    fields.refuse("functions", "tools");
    fields.refuse("function_call", "tool_choice");
    List<JsonNode> given = fields.list("tools").orElse(List.of());
    List<Object> tools = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < given.size(); i++) {
      names.add(name(given.get(i), "tools[" + i + "]"));
      tools.add(JsonFields.plainMap(given.get(i)));
    }
    Choice choice =
        fields
            .find("tool_choice")
            .map(wanted -> choice(wanted, names))
            .orElse(tools.isEmpty() ? new Choice.None() : new Choice.Auto());
    return new ToolUse(tools, choice, fields.flag("parallel_tool_calls", true));
  }

  private static String name(JsonNode tool, String path) {
    if (!tool.isObject()) {
      throw EngineException.invalidArgument(path, JsonFields.kind(tool), "an object");
    }
    JsonFields fields = new JsonFields(tool, path + ".");
    String type = fields.text("type").orElse(FUNCTION);
    if (!type.equals(FUNCTION)) {
      throw EngineException.unsupported(path + ".type", type, FUNCTION);
    }
    return fields
        .object(FUNCTION)
        .flatMap(function -> function.text("name"))
        .filter(name -> !name.isEmpty())
        .orElseThrow(
            () -> EngineException.invalidArgument(path + ".function.name", "missing", "a string"));
  }

  private static Choice choice(JsonNode wanted, Set<String> names) {
    if (wanted.isObject()) {
      return named(new JsonFields(wanted, "tool_choice."), names);
    }
    String choice = JsonFields.textOf(wanted, "tool_choice");
    return switch (choice) {
      case "auto" -> new Choice.Auto();
      case "none" -> new Choice.None();
      case "required" -> {
        if (names.isEmpty()) {
          throw EngineException.invalidArgument(
              "tool_choice", choice, "auto or none, without tools");
        }
        yield new Choice.Required();
      }
      default ->
          throw EngineException.invalidArgument(
              "tool_choice", JsonFields.kind(wanted), "auto, none, required or a function");
    };
  }

  private static Choice named(JsonFields wanted, Set<String> names) {
    String type = wanted.text("type").orElse(FUNCTION);
    if (!type.equals(FUNCTION)) {
      throw EngineException.unsupported("tool_choice.type", type, FUNCTION);
    }
    Optional<String> name = wanted.object(FUNCTION).flatMap(function -> function.text("name"));
    if (name.isEmpty() || !names.contains(name.get())) {
      throw EngineException.invalidArgument(
          "tool_choice.function.name", name.orElse("missing"), "the name of one of the tools");
    }
    return new Choice.Named(name.get());
  }
}
