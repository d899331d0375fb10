package dev.krait.server.openai;

import dev.krait.error.EngineException;
import dev.krait.service.Prompt;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// The conversation of a chat request; the template brings its messages into the form it expects.
final class MessageParser {
  private static final Set<String> TEXT_PARTS =
      Set.of("text", "input_text", "output_text", "refusal");
  private static final Set<String> RESERVED =
      Set.of(
          "messages",
          "tools",
          "chat_template",
          "add_generation_prompt",
          "continue_final_message",
          "raise_exception",
          "strftime_now");

  private final boolean trustTemplates;

  MessageParser(boolean trustTemplates) {
    this.trustTemplates = trustTemplates;
  }

  Prompt.Chat chat(JsonFields fields, boolean addSpecialTokens) {
    Optional<String> template = fields.text("chat_template");
    if (template.isPresent() && !trustTemplates) {
      throw EngineException.invalidArgument(
          "chat_template", "given", "none, unless the server trusts request templates");
    }
    boolean continueFinal = fields.flag("continue_final_message", false);
    return new Prompt.Chat(
        messages(fields),
        ToolFields.of(fields),
        variables(fields),
        fields.flag("add_generation_prompt", !continueFinal),
        continueFinal,
        addSpecialTokens,
        template);
  }

  private static List<Map<String, Object>> messages(JsonFields fields) {
    List<JsonNode> given =
        fields
            .list("messages")
            .orElseThrow(
                () -> EngineException.invalidArgument("messages", "missing", "a list of messages"));
    List<Map<String, Object>> messages = new ArrayList<>(given.size());
    for (int i = 0; i < given.size(); i++) {
      messages.add(message(given.get(i), "messages[" + i + "]"));
    }
    return messages;
  }

  private static Map<String, Object> message(JsonNode node, String path) {
    if (!node.isObject()) {
      throw EngineException.invalidArgument(path, JsonFields.kind(node), "an object");
    }
    JsonFields fields = new JsonFields(node, path + ".");
    if (fields.text("role").isEmpty()) {
      throw EngineException.invalidArgument(path + ".role", "missing", "a string");
    }
    Map<String, Object> message = JsonFields.plainMap(node);
    Optional<JsonNode> content = fields.find("content");
    if (content.isPresent()) {
      message.put("content", content(content.get(), path + ".content"));
    }
    return message;
  }

  /// A text, or a list of parts that are texts; the template decides which it reads.
  private static Object content(JsonNode content, String path) {
    if (!content.isArray()) {
      return JsonFields.textOf(content, path);
    }
    List<Map<String, String>> parts = new ArrayList<>(content.size());
    for (int i = 0; i < content.size(); i++) {
      parts.add(Map.of("type", "text", "text", text(content.get(i), path + "[" + i + "]")));
    }
    return parts;
  }

  private static String text(JsonNode part, String path) {
    if (part.isString()) {
      return part.stringValue();
    }
    if (!part.isObject()) {
      throw EngineException.invalidArgument(path, JsonFields.kind(part), "an object");
    }
    JsonFields fields = new JsonFields(part, path + ".");
    String type = fields.text("type").orElse("text");
    if (!TEXT_PARTS.contains(type)) {
      throw EngineException.invalidArgument(path + ".type", type, "text; the model reads no other");
    }
    String name = type.equals("refusal") ? "refusal" : "text";
    return fields
        .text(name)
        .orElseThrow(
            () -> EngineException.invalidArgument(path + "." + name, "missing", "a string"));
  }

  private static Map<String, Object> variables(JsonFields fields) {
    Map<String, Object> variables = new LinkedHashMap<>();
    for (String name : List.of("documents", "reasoning_effort")) {
      fields.find(name).ifPresent(value -> JsonFields.putPlain(variables, name, value));
    }
    Optional<JsonFields> extra = fields.object("chat_template_kwargs");
    if (extra.isPresent()) {
      for (Map.Entry<String, JsonNode> entry : extra.get().entries().entrySet()) {
        if (RESERVED.contains(entry.getKey())) {
          throw EngineException.invalidArgument(
              extra.get().path(entry.getKey()), "given", "another variable");
        }
        JsonFields.putPlain(variables, entry.getKey(), entry.getValue());
      }
    }
    return variables;
  }
}
