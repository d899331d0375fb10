package dev.krait.text;

import dev.krait.error.EngineException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The last message with a mark after its text, at which the rendered prompt is cut.
record Continuation(List<Map<String, Object>> marked, String text) {
  private static final String TAG = "CONTINUE_FINAL_MESSAGE_TAG ";

  static Continuation of(List<Map<String, Object>> messages) {
    if (messages.isEmpty()) {
      throw EngineException.invalidArgument("messages", "[]", "a message to continue");
    }
    Map<String, Object> last = new HashMap<>(messages.getLast());
    String text;
    switch (last.get("content")) {
      case String content -> {
        text = content;
        last.put("content", content + TAG);
      }
      case List<?> parts -> {
        List<Object> copy = new ArrayList<>(parts);
        text = markLastText(copy);
        last.put("content", copy);
      }
      case null, default ->
          throw EngineException.invalidArgument(
              "continue_final_message", true, "a last message whose content is a text");
    }
    List<Map<String, Object>> marked = new ArrayList<>(messages);
    marked.set(marked.size() - 1, last);
    return new Continuation(marked, text);
  }

  private static String markLastText(List<Object> parts) {
    for (int i = parts.size() - 1; i >= 0; i--) {
      if (parts.get(i) instanceof Map<?, ?> part && part.get("text") instanceof String text) {
        Map<Object, Object> copy = new HashMap<>(part);
        copy.put("text", text + TAG);
        parts.set(i, copy);
        return text;
      }
    }
    throw EngineException.invalidArgument(
        "continue_final_message", true, "a last message with a part that is a text");
  }

  String cut(String rendered) {
    int mark = rendered.lastIndexOf(TAG.strip());
    if (mark < 0 || !rendered.contains(text.strip())) {
      throw EngineException.invalidArgument(
          "continue_final_message",
          true,
          "a final message that appears in the rendered chat; this template leaves part of it out");
    }
    String prompt = rendered.substring(0, mark);
    return rendered.startsWith(TAG, mark) ? prompt : prompt.stripTrailing();
  }
}
