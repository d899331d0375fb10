package dev.krait.server.openai;

import dev.krait.error.EngineException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Bodies of `/v1/responses` as bodies of `/v1/chat/completions`.
///
/// The server keeps no responses: a request brings its whole conversation as `input`. Fields that
/// the two endpoints share, and vLLM's further ones, pass as they are.
final class ResponsesParser {
  private static final String FUNCTION = "function";

  /// Fields that have another name or form in a chat, or no meaning there.
  private static final Set<String> OWN =
      Set.of(
          "input",
          "instructions",
          "max_output_tokens",
          "tools",
          "tool_choice",
          "text",
          "reasoning",
          "include",
          "truncation",
          "stream_options",
          "background",
          "previous_response_id",
          "conversation",
          "prompt",
          "max_tool_calls",
          "max_tokens",
          "max_completion_tokens",
          "messages",
          "response_format",
          "top_logprobs");

  private ResponsesParser() {}

  /// The chat of a body.
  ///
  /// @throws EngineException that names the field of the response
  static ObjectNode chat(JsonNode body) {
    JsonFields fields = new JsonFields(body, "");
    refuseStored(fields);
    ObjectNode chat = JsonMapper.shared().createObjectNode();
    body.properties().stream()
        .filter(entry -> !OWN.contains(entry.getKey()))
        .forEach(entry -> chat.set(entry.getKey(), entry.getValue()));
    OptionalInt most = fields.integer("max_output_tokens");
    if (most.isPresent()) {
      if (most.getAsInt() < 1) {
        throw EngineException.invalidArgument("max_output_tokens", most.getAsInt(), "1 or more");
      }
      chat.put("max_completion_tokens", most.getAsInt());
    }
    chat.set("messages", messages(fields));
    fields
        .object("reasoning")
        .flatMap(reasoning -> reasoning.text("effort"))
        .ifPresent(effort -> chat.put("reasoning_effort", effort));
    fields
        .object("text")
        .flatMap(text -> text.object("format"))
        .ifPresent(format -> putFormat(chat, format));
    putTools(chat, fields);
    return chat;
  }

  private static void refuseStored(JsonFields fields) {
    fields.refuse("background", "false");
    for (String name : List.of("previous_response_id", "conversation")) {
      fields.refuse(name, "null; no responses are kept: send the whole conversation as input");
    }
    fields.refuse("prompt", "null; no prompts are kept: send instructions and input");
    if (fields.integer("n").orElse(1) != 1) {
      throw EngineException.invalidArgument("n", fields.integer("n").orElse(1), "1");
    }
    for (JsonNode wanted : fields.list("include").orElse(List.of())) {
      if (wanted.isString() && wanted.stringValue().equals("message.output_text.logprobs")) {
        throw EngineException.unsupported(
            "include", wanted.stringValue(), "logprobs of /v1/chat/completions");
      }
    }
  }

  private static ArrayNode messages(JsonFields fields) {
    JsonNode input =
        fields
            .find("input")
            .orElseThrow(
                () -> EngineException.invalidArgument("input", "missing", "text or a list"));
    Conversation conversation = new Conversation();
    fields.text("instructions").ifPresent(text -> conversation.add("system").put("content", text));
    if (input.isString()) {
      conversation.add("user").put("content", input.stringValue());
      return conversation.messages;
    }
    if (!input.isArray()) {
      throw EngineException.invalidArgument("input", JsonFields.kind(input), "text or a list");
    }
    for (int i = 0; i < input.size(); i++) {
      String path = "input[" + i + "]";
      if (!input.get(i).isObject()) {
        throw EngineException.invalidArgument(path, JsonFields.kind(input.get(i)), "an object");
      }
      conversation.item(new JsonFields(input.get(i), path + "."));
    }
    return conversation.messages;
  }

  /// Messages of a chat; items of the assistant that follow each other are one message.
  private static final class Conversation {
    private final ArrayNode messages = JsonMapper.shared().createArrayNode();

    ObjectNode add(String role) {
      return messages.addObject().put("role", role);
    }

    void item(JsonFields item) {
      String type = item.text("type").orElse("message");
      switch (type) {
        case "message" -> message(item);
        case "reasoning" -> reasoning(item);
        case "function_call" -> {
          ObjectNode call = calls().addObject();
          call.put("id", required(item, "call_id")).put("type", FUNCTION);
          call.putObject(FUNCTION)
              .put("name", required(item, "name"))
              .put("arguments", required(item, "arguments"));
        }
        case "function_call_output" -> {
          ObjectNode result = add("tool").put("tool_call_id", required(item, "call_id"));
          result.set("content", content(item, "output"));
        }
        default ->
            throw EngineException.unsupported(
                item.path("type"),
                type,
                "message, reasoning, function_call or function_call_output");
      }
    }

    private void message(JsonFields item) {
      String role = required(item, "role");
      boolean follows = role.equals("assistant") && isOpen("content");
      ObjectNode message = follows ? last() : add(role);
      message.set("content", content(item, "content"));
    }

    private void reasoning(JsonFields item) {
      StringBuilder text = new StringBuilder();
      for (String name : List.of("content", "summary")) {
        for (JsonNode part : item.list(name).orElse(List.of())) {
          if (text.isEmpty() || name.equals("content")) {
            text.append(part.path("text").asString(""));
          }
        }
      }
      if (!text.isEmpty()) {
        add("assistant").put("reasoning_content", text.toString());
      }
    }

    private ArrayNode calls() {
      ObjectNode message = isAssistant() ? last() : add("assistant");
      return message.withArray("tool_calls");
    }

    private boolean isAssistant() {
      return !messages.isEmpty() && last().path("role").asString("").equals("assistant");
    }

    /// Whether the last message is the assistant's, without calls, and lacks a field.
    private boolean isOpen(String name) {
      return isAssistant() && !last().has(name) && !last().has("tool_calls");
    }

    private ObjectNode last() {
      return (ObjectNode) messages.get(messages.size() - 1);
    }
  }

  private static JsonNode content(JsonFields item, String name) {
    return item.find(name)
        .orElseThrow(() ->
            EngineException.invalidArgument(item.path(name), "missing", "text or a list of parts"));
  }

  private static String required(JsonFields item, String name) {
    return item.text(name)
        .orElseThrow(() -> EngineException.invalidArgument(item.path(name), "missing", "a string"));
  }

  private static void putFormat(ObjectNode chat, JsonFields format) {
    String type = format.text("type").orElse("text");
    ObjectNode response = chat.putObject("response_format").put("type", type);
    if (type.equals("json_schema")) {
      ObjectNode schema = response.putObject("json_schema");
      for (String name : List.of("name", "description", "schema", "strict")) {
        format.find(name).ifPresent(value -> schema.set(name, value));
      }
    }
  }

  private static void putTools(ObjectNode chat, JsonFields fields) {
    List<JsonNode> tools = fields.list("tools").orElse(List.of());
    Optional<JsonNode> choice = fields.find("tool_choice");
    Optional<Set<String>> allowed = Optional.empty();
    if (choice.isPresent() && choice.get().isObject()) {
      JsonFields named = new JsonFields(choice.get(), "tool_choice.");
      String type = required(named, "type");
      switch (type) {
        case FUNCTION ->
            chat.putObject("tool_choice")
                .put("type", FUNCTION)
                .putObject(FUNCTION)
                .put("name", required(named, "name"));
        case "allowed_tools" -> {
          chat.put("tool_choice", named.text("mode").orElse("auto"));
          allowed =
              Optional.of(
                  named.list("tools").orElse(List.of()).stream()
                      .map(tool -> tool.path("name").asString(""))
                      .collect(Collectors.toSet()));
        }
        default ->
            throw EngineException.unsupported(
                "tool_choice.type", type, "function or allowed_tools");
      }
    } else {
      choice.ifPresent(value -> chat.set("tool_choice", value));
    }
    ArrayNode functions = JsonMapper.shared().createArrayNode();
    for (int i = 0; i < tools.size(); i++) {
      ObjectNode tool = tool(tools.get(i), "tools[" + i + "]");
      String name = tool.path(FUNCTION).path("name").asString("");
      if (allowed.isEmpty() || allowed.get().contains(name)) {
        functions.add(tool);
      }
    }
    if (!functions.isEmpty()) {
      chat.set("tools", functions);
    }
  }

  private static ObjectNode tool(JsonNode given, String path) {
    if (!given.isObject()) {
      throw EngineException.invalidArgument(path, JsonFields.kind(given), "an object");
    }
    JsonFields tool = new JsonFields(given, path + ".");
    String type = required(tool, "type");
    if (!type.equals(FUNCTION)) {
      throw EngineException.unsupported(path + ".type", type, "function; the server runs no tools");
    }
    ObjectNode chat = JsonMapper.shared().createObjectNode().put("type", FUNCTION);
    ObjectNode function = chat.putObject(FUNCTION).put("name", required(tool, "name"));
    for (String name : List.of("description", "parameters", "strict")) {
      tool.find(name).ifPresent(value -> function.set(name, value));
    }
    return chat;
  }
}
