package dev.krait.server.anthropic;

import dev.krait.error.EngineException;
import dev.krait.server.openai.JsonFields;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Bodies of `/v1/messages` as bodies of `/v1/chat/completions`.
final class MessagesParser {
  private static final String FUNCTION = "function";
  private static final String CONTENT = "content";

  /// Fields that have another name or form in a chat, or no meaning there.
  private static final Set<String> OWN =
      Set.of(
          "max_tokens",
          "messages",
          "system",
          "stop_sequences",
          "tools",
          "tool_choice",
          "thinking",
          "metadata",
          "stream_options",
          "n");

  private MessagesParser() {}

  /// The chat of a body.
  ///
  /// @param counted whether its tokens are counted alone, and nothing is generated
  /// @throws EngineException that names the field of the body
  static ObjectNode chat(JsonNode body, boolean counted) {
    JsonFields fields = new JsonFields(body, "");
    ObjectNode chat = JsonMapper.shared().createObjectNode();
    body.properties().stream()
        .filter(entry -> !OWN.contains(entry.getKey()))
        .forEach(entry -> chat.set(entry.getKey(), entry.getValue()));
    int most =
        fields
            .integer("max_tokens")
            .orElseGet(() -> {
              if (counted) {
                return 1;
              }
              throw EngineException.invalidArgument("max_tokens", "missing", "1 or more");
            });
    if (most < 1) {
      throw EngineException.invalidArgument("max_tokens", most, "1 or more");
    }
    chat.put("max_completion_tokens", most);
    fields.find("stop_sequences").ifPresent(stops -> chat.set("stop", stops));
    fields
        .object("thinking")
        .flatMap(thinking -> thinking.text("type"))
        .ifPresent(type -> {
          boolean thinks = !type.equals("disabled");
          ObjectNode variables = chat.withObject("chat_template_kwargs");
          variables.put("enable_thinking", thinks).put("thinking", thinks);
        });
    putMessages(chat, fields);
    putTools(chat, fields);
    return chat;
  }

  private static void putMessages(ObjectNode chat, JsonFields fields) {
    ArrayNode messages = chat.putArray("messages");
    fields
        .find("system")
        .ifPresent(system -> messages.addObject().put("role", "system").set(CONTENT, system));
    List<JsonNode> given =
        fields
            .list("messages")
            .orElseThrow(
                () -> EngineException.invalidArgument("messages", "missing", "a list of messages"));
    for (int i = 0; i < given.size(); i++) {
      String path = "messages[" + i + "]";
      if (!given.get(i).isObject()) {
        throw EngineException.invalidArgument(path, JsonFields.kind(given.get(i)), "an object");
      }
      JsonFields message = new JsonFields(given.get(i), path + ".");
      String role = required(message, "role");
      JsonNode content =
          message
              .find(CONTENT)
              .orElseThrow(() ->
                  EngineException.invalidArgument(
                      message.path(CONTENT), "missing", "text or a list of blocks"));
      if (content.isArray()) {
        putBlocks(messages, role, content, message.path(CONTENT));
      } else {
        messages.addObject().put("role", role).set(CONTENT, content);
      }
    }
  }

  /// The blocks of one message: results of tools first, as messages of their own, then the rest.
  private static void putBlocks(ArrayNode messages, String role, JsonNode blocks, String path) {
    ObjectNode message = JsonMapper.shared().createObjectNode().put("role", role);
    for (int i = 0; i < blocks.size(); i++) {
      String at = path + "[" + i + "]";
      if (!blocks.get(i).isObject()) {
        throw EngineException.invalidArgument(at, JsonFields.kind(blocks.get(i)), "an object");
      }
      JsonFields block = new JsonFields(blocks.get(i), at + ".");
      String type = required(block, "type");
      switch (type) {
        case "text" ->
            message
                .withArray(CONTENT)
                .addObject()
                .put("type", "text")
                .put("text", required(block, "text"));
        case "thinking" -> {
          String before = message.path("reasoning_content").asString("");
          message.put("reasoning_content", before + required(block, "thinking"));
        }
        case "redacted_thinking" -> {} // nobody but its author can read it
        case "tool_use" -> {
          ObjectNode call = message.withArray("tool_calls").addObject();
          call.put("id", required(block, "id")).put("type", FUNCTION);
          JsonNode input =
              block.find("input").orElseGet(() -> JsonMapper.shared().createObjectNode());
          call.putObject(FUNCTION)
              .put("name", required(block, "name"))
              .put("arguments", input.toString());
        }
        case "tool_result" -> {
          ObjectNode result = messages.addObject().put("role", "tool");
          result.put("tool_call_id", required(block, "tool_use_id"));
          JsonNode none = JsonMapper.shared().getNodeFactory().stringNode("");
          result.set(CONTENT, block.find(CONTENT).orElse(none));
        }
        default ->
            throw EngineException.unsupported(
                at + ".type",
                type,
                "text, thinking, tool_use or tool_result; the model reads text");
      }
    }
    if (message.size() > 1) {
      messages.add(message);
    }
  }

  private static void putTools(ObjectNode chat, JsonFields fields) {
    List<JsonNode> tools = fields.list("tools").orElse(List.of());
    for (int i = 0; i < tools.size(); i++) {
      String path = "tools[" + i + "]";
      if (!tools.get(i).isObject()) {
        throw EngineException.invalidArgument(path, JsonFields.kind(tools.get(i)), "an object");
      }
      JsonFields tool = new JsonFields(tools.get(i), path + ".");
      String type = tool.text("type").orElse("custom");
      if (!type.equals("custom")) {
        throw EngineException.unsupported(path + ".type", type, "custom; the server runs no tools");
      }
      ObjectNode function =
          chat.withArray("tools").addObject().put("type", FUNCTION).putObject(FUNCTION);
      function.put("name", required(tool, "name"));
      tool.find("description").ifPresent(value -> function.set("description", value));
      tool.find("input_schema").ifPresent(value -> function.set("parameters", value));
    }
    Optional<JsonFields> choice = fields.object("tool_choice");
    if (choice.isEmpty()) {
      return;
    }
    String type = required(choice.get(), "type");
    switch (type) {
      case "auto", "none" -> chat.put("tool_choice", type);
      case "any" -> chat.put("tool_choice", "required");
      case "tool" ->
          chat.putObject("tool_choice")
              .put("type", FUNCTION)
              .putObject(FUNCTION)
              .put("name", required(choice.get(), "name"));
      default ->
          throw EngineException.invalidArgument(
              "tool_choice.type", type, "auto, any, tool or none");
    }
    if (choice.get().flag("disable_parallel_tool_use", false)) {
      chat.put("parallel_tool_calls", false);
    }
  }

  private static String required(JsonFields fields, String name) {
    return fields
        .text(name)
        .orElseThrow(
            () -> EngineException.invalidArgument(fields.path(name), "missing", "a string"));
  }
}
