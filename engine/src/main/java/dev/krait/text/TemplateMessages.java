package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Messages of the OpenAI API in the form that transformers documents for templates:
///
/// - what is null is left out, and so is an empty list of tool calls;
/// - content that is missing is an empty text;
/// - content is a text or a list of parts, whichever the template reads;
/// - arguments of tool calls are objects, not their JSON text;
/// - the role `developer` is `system` where the template does not know it;
/// - reasoning has both of its names.
final class TemplateMessages {
  // Python's reader takes NaN and Infinity, too.
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();
  private static final int SHOWN = 40;

  private final JinjaTemplate template;

  TemplateMessages(JinjaTemplate template) {
    this.template = template;
  }

  List<Map<String, Object>> of(List<Map<String, Object>> given) {
    List<Map<String, Object>> messages = new ArrayList<>(given.size());
    for (int i = 0; i < given.size(); i++) {
      messages.add(message(given.get(i), "messages[" + i + "]"));
    }
    return messages;
  }

  private Map<String, Object> message(Map<String, Object> given, String path) {
    Map<String, Object> message = new LinkedHashMap<>(given);
    message.values().removeIf(Objects::isNull);
    if ("developer".equals(message.get("role")) && !template.knowsRole("developer")) {
      message.put("role", "system");
    }
    String role = String.valueOf(message.get("role"));
    message.put("content", content(role, message.get("content")));
    Object calls = message.remove("tool_calls");
    if (calls instanceof List<?> list && !list.isEmpty()) {
      message.put("tool_calls", calls(list, path + ".tool_calls"));
    } else if (calls != null && !(calls instanceof List<?>)) {
      throw EngineException.invalidArgument(path + ".tool_calls", shown(calls), "a list");
    }
    reasoning(message);
    return message;
  }

  private Object content(String role, @Nullable Object content) {
    return switch (content) {
      case null -> template.form(role) == ContentForm.PARTS ? List.of() : "";
      case String text when template.form(role) == ContentForm.PARTS -> List.of(part(text));
      case List<?> parts ->
          template.form(role) == ContentForm.TEXT ? joined(parts) : wrapped(parts);
      default -> content;
    };
  }

  private static Map<String, Object> part(String text) {
    return Map.of("type", "text", "text", text);
  }

  private static List<Object> wrapped(List<?> parts) {
    return parts.stream().map(part -> part instanceof String text ? part(text) : part).toList();
  }

  /// The texts on lines of their own; parts that are not texts stay for the template to refuse.
  private static Object joined(List<?> parts) {
    List<String> texts = new ArrayList<>();
    for (Object part : wrapped(parts)) {
      if (!(part instanceof Map<?, ?> map && map.get("text") instanceof String text)) {
        return parts;
      }
      texts.add(text);
    }
    return String.join("\n", texts);
  }

  private static List<Object> calls(List<?> calls, String path) {
    List<Object> copies = new ArrayList<>(calls.size());
    for (int i = 0; i < calls.size(); i++) {
      if (!(calls.get(i) instanceof Map<?, ?> call)) {
        throw EngineException.invalidArgument(
            path + "[" + i + "]", shown(calls.get(i)), "an object");
      }
      Map<Object, Object> copy = new LinkedHashMap<>(call);
      if (call.get("function") instanceof Map<?, ?> function) {
        Map<Object, Object> called = new LinkedHashMap<>(function);
        String where = path + "[" + i + "].function.arguments";
        called.put("arguments", arguments(function.get("arguments"), where));
        copy.put("function", called);
      }
      copies.add(copy);
    }
    return copies;
  }

  private static Object arguments(@Nullable Object given, String path) {
    if (!(given instanceof String text)) {
      return given == null ? Map.of() : given;
    }
    if (text.isEmpty()) {
      return Map.of();
    }
    try {
      return Objects.requireNonNullElse(JSON.readValue(text, Object.class), Map.of());
    } catch (JacksonException e) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          path,
          path + ": " + shown(text) + " (expected: the text of a JSON object)",
          e);
    }
  }

  private static void reasoning(Map<String, Object> message) {
    Object reasoning = message.getOrDefault("reasoning", message.get("reasoning_content"));
    if (reasoning != null && "assistant".equals(message.get("role"))) {
      message.put("reasoning", reasoning);
      message.put("reasoning_content", reasoning);
    }
  }

  private static String shown(@Nullable Object value) {
    String text = String.valueOf(value);
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
  }
}
