package dev.krait.text;

import dev.krait.template.TemplateException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/// Which form of content a template reads in the messages of a role, found by rendering small
/// conversations in both forms and looking for their text.
final class ContentForms {
  private static final String TEXT = "KraitContentText";
  private static final String KEY = "KraitContentKey"; // printed only with a part as a whole

  private static final String CALL = "krait0001"; // nine characters, as some templates demand

  private static final Map<String, List<String>> CONVERSATIONS =
      Map.of(
          "user", List.of("user"),
          "system", List.of("system", "user"),
          "assistant", List.of("user", "assistant"),
          "tool", List.of("user", "assistant", "tool"));

  private final Function<List<Map<String, Object>>, String> rendering;
  private final Map<String, ContentForm> known = new ConcurrentHashMap<>();

  ContentForms(Function<List<Map<String, Object>>, String> rendering) {
    this.rendering = rendering;
  }

  /// The form for a role; a role that is not one of the usual is taken for a user.
  ContentForm of(String role) {
    String usual = CONVERSATIONS.containsKey(role) ? role : "user";
    ContentForm form = known.get(usual);
    if (form == null) {
      form = find(usual);
      known.put(usual, form);
    }
    return form;
  }

  /// Finds the forms for all roles.
  void findAll() {
    CONVERSATIONS.keySet().forEach(this::of);
  }

  private ContentForm find(String role) {
    List<String> roles = Objects.requireNonNull(CONVERSATIONS.get(role));
    Optional<ContentForm> form = tried(role, roles);
    if (form.isEmpty() && !role.equals("system")) {
      List<String> withSystem = new ArrayList<>(roles);
      withSystem.addFirst("system");
      form = tried(role, withSystem);
    }
    return form.orElseGet(() -> role.equals("user") ? ContentForm.TEXT : of("user"));
  }

  private Optional<ContentForm> tried(String role, List<String> roles) {
    boolean text = shows(role, roles, "Hello", TEXT);
    boolean parts =
        shows(
            role,
            roles,
            List.of(Map.of("type", "text", "text", "Hello")),
            List.of(Map.of("type", "text", "text", TEXT, KEY, "")));
    if (!text && !parts) {
      return Optional.empty();
    }
    return Optional.of(!parts ? ContentForm.TEXT : text ? ContentForm.BOTH : ContentForm.PARTS);
  }

  private boolean shows(String role, List<String> roles, Object others, Object content) {
    List<Map<String, Object>> messages = new ArrayList<>();
    for (String each : roles) {
      Object said = each.equals(role) ? content : others;
      messages.add(message(each, said, roles.contains("tool")));
    }
    try {
      String rendered = rendering.apply(messages);
      return rendered.contains(TEXT) && !rendered.contains(KEY);
    } catch (TemplateException e) {
      return false;
    }
  }

  private static Map<String, Object> message(String role, Object content, boolean calling) {
    Map<String, Object> message = new HashMap<>(Map.of("role", role, "content", content));
    if (role.equals("assistant") && calling) {
      message.put("tool_calls", List.of(call()));
    } else if (role.equals("tool")) {
      message.putAll(Map.of("tool_call_id", CALL, "name", "f"));
    }
    return message;
  }

  private static Map<String, Object> call() {
    Map<String, Object> function = Map.of("name", "f", "arguments", Map.of());
    return Map.of("id", CALL, "type", "function", "function", function);
  }
}
