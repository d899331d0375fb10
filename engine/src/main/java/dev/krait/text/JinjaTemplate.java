package dev.krait.text;

import dev.krait.template.Template;
import dev.krait.template.TemplateException;
import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// One template, compiled when it is first used, and what it reads. Any thread.
///
/// Its methods throw a [TemplateException] when the source is not a template.
final class JinjaTemplate {
  private final String source;
  private final Clock clock;
  private final Map<String, Object> tokens;
  private final @Nullable List<Object> sampleTools;
  private final ContentForms forms;
  private final ReentrantLock compiling = new ReentrantLock();
  private volatile @Nullable Template compiled;

  /// Keeps a source to be compiled.
  ///
  /// @param sampleTools tools for renderings that only try the template; null for none
  JinjaTemplate(
      String source, Clock clock, Map<String, Object> tokens, @Nullable List<Object> sampleTools) {
    this.source = source;
    this.clock = clock;
    this.tokens = tokens;
    this.sampleTools = sampleTools;
    this.forms = new ContentForms(this::sample);
  }

  /// Renders with the special tokens and these variables.
  String render(Map<String, @Nullable Object> given) {
    Map<String, @Nullable Object> variables = new HashMap<>(tokens);
    // Transformers passes both always, so templates take None for "there are none".
    variables.put("tools", null);
    variables.put("documents", null);
    variables.putAll(given);
    return compiled().render(variables, clock);
  }

  /// Whether its source has a text.
  boolean contains(String text) {
    return source.contains(text);
  }

  boolean usesTools() {
    return compiled().reads("tools");
  }

  /// Whether it tells a role from others.
  boolean knowsRole(String role) {
    return compiled().quotes(role);
  }

  ContentForm form(String role) {
    return forms.of(role);
  }

  /// Renders small conversations until one works, and finds what is found only once.
  ///
  /// @throws TemplateException when the template cannot render even the simplest conversation
  void probe() {
    Map<String, Object> user = Map.of("role", "user", "content", "Hello");
    Map<String, Object> system = Map.of("role", "system", "content", "Hello");
    TemplateMessages messages = new TemplateMessages(this);
    try {
      sample(messages.of(List.of(user)));
    } catch (TemplateException first) {
      try {
        sample(messages.of(List.of(system, user)));
      } catch (TemplateException second) {
        first.addSuppressed(second);
        throw first;
      }
    }
    forms.findAll();
  }

  private String sample(List<Map<String, Object>> messages) {
    Map<String, @Nullable Object> variables = new HashMap<>();
    variables.put("messages", messages);
    variables.put("tools", sampleTools);
    variables.put("add_generation_prompt", false);
    return render(variables);
  }

  /// Compiles it if that has not happened yet.
  Template compiled() {
    Template ready = compiled;
    if (ready != null) {
      return ready;
    }
    compiling.lock();
    try {
      if (compiled == null) {
        compiled = Template.parse(source);
      }
      return Objects.requireNonNull(compiled);
    } finally {
      compiling.unlock();
    }
  }
}
