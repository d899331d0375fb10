package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.text.template.PromptTemplate;
import dev.krait.text.template.TemplateException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Turns a conversation into the prompt that a model was trained on, with the Jinja template of its
/// checkpoint.
///
/// Any thread may render, and a rendering takes about a millisecond once warm. [#open] only reads
/// files: the first rendering compiles the template, which loads some thousand classes and takes a
/// good part of a second, so a server calls [#probe] on a background thread while the weights load.
/// Templates cannot reach Java, files or the network, and every rendering has a budget of work,
/// depth and text.
public final class ChatTemplate {
  private static final String TAG = "CONTINUE_FINAL_MESSAGE_TAG ";

  private final String origin;
  private final String source;
  private final Clock clock;
  private final Map<String, Object> tokens;
  private final ReentrantLock compiling = new ReentrantLock();
  private volatile @Nullable PromptTemplate compiled;

  private ChatTemplate(String origin, String source, Clock clock, Map<String, Object> tokens) {
    this.origin = origin;
    this.source = source;
    this.clock = clock;
    this.tokens = tokens;
  }

  /// Opens the template of a model folder: `chat_template.jinja`, else `chat_template` of
  /// `tokenizer_config.json`, where a list of templates gives the one named `default`. The template
  /// itself is first looked at by [#probe] or the first rendering.
  ///
  /// @return empty when the folder has no template
  /// @throws EngineException INVALID_CHECKPOINT for a broken file
  public static Optional<ChatTemplate> open(Path modelFolder) {
    TokenizerConfig config = TokenizerConfig.read(modelFolder);
    return config
        .chatTemplate()
        .map(source ->
            new ChatTemplate(
                modelFolder + ": ",
                source,
                systemClock(),
                tokens(config.bosToken(), config.eosToken())));
  }

  /// A template from its source.
  ///
  /// @param bos the begin token's text, `bos_token` in the template
  /// @param eos the end token's text, `eos_token` in the template
  /// @throws EngineException INVALID_ARGUMENT when the source is not a valid template
  public static ChatTemplate of(String source, Optional<String> bos, Optional<String> eos) {
    return of(source, bos, eos, systemClock());
  }

  /// A template from its source whose `strftime_now` reads a given clock.
  public static ChatTemplate of(
      String source, Optional<String> bos, Optional<String> eos, Clock clock) {
    ChatTemplate template = new ChatTemplate("", source, clock, tokens(bos, eos));
    template.compiled();
    return template;
  }

  private static Clock systemClock() {
    return Clock.system(ZoneId.systemDefault());
  }

  private static Map<String, Object> tokens(Optional<String> bos, Optional<String> eos) {
    Map<String, Object> tokens = new HashMap<>();
    bos.ifPresent(token -> tokens.put("bos_token", token));
    eos.ifPresent(token -> tokens.put("eos_token", token));
    return tokens;
  }

  /// Compiles the template if that has not happened yet and renders small conversations until one
  /// works: a warm-up, and the check that the template is any good.
  ///
  /// @throws EngineException INVALID_CHECKPOINT for a template that is not valid or cannot render
  ///   even the simplest conversation
  public void probe() {
    Map<String, Object> user = Map.of("role", "user", "content", "Hello");
    Map<String, Object> system = Map.of("role", "system", "content", "Hello");
    Map<String, Object> parts =
        Map.of("role", "user", "content", List.of(Map.of("type", "text", "text", "Hello")));
    List<List<Map<String, Object>>> conversations =
        List.of(List.of(user), List.of(system, user), List.of(parts));
    List<EngineException> failures = new ArrayList<>();
    for (List<Map<String, Object>> conversation : conversations) {
      try {
        render(conversation, true, false, Optional.empty(), Map.of());
        return;
      } catch (EngineException e) {
        failures.add(e);
      }
    }
    Throwable first = Objects.requireNonNull(failures.getFirst().getCause());
    throw new EngineException(
        ErrorCode.INVALID_CHECKPOINT, origin + "chat template: " + first.getMessage(), first);
  }

  /// Renders a conversation.
  ///
  /// @param messages the messages as JSON objects; nulls inside are allowed
  /// @param addGenerationPrompt whether the prompt ends with the start of an answer
  /// @param continueFinalMessage whether the prompt ends inside the last message, right after its
  ///   text, so that the model goes on with it; not together with a generation prompt
  /// @param tools the tools as JSON objects, in scope as `tools`
  /// @param kwargs further variables of the template
  /// @throws EngineException INVALID_ARGUMENT when the template refuses the conversation (the
  ///   message holds what it raised), fails on it, or runs into a limit
  public String render(
      List<Map<String, Object>> messages,
      boolean addGenerationPrompt,
      boolean continueFinalMessage,
      Optional<List<Object>> tools,
      Map<String, Object> kwargs) {
    if (continueFinalMessage && addGenerationPrompt) {
      throw EngineException.invalidArgument(
          "continue_final_message",
          true,
          "false with add_generation_prompt: a message is either continued or started");
    }
    // Transformers passes both always, so templates take None for "there are none".
    Map<String, @Nullable Object> variables = new HashMap<>(tokens);
    variables.put("tools", tools.orElse(null));
    variables.put("documents", null);
    variables.putAll(kwargs);
    variables.put("add_generation_prompt", addGenerationPrompt);
    if (!continueFinalMessage) {
      variables.put("messages", messages);
      return render(variables);
    }
    Continuation continuation = Continuation.of(messages);
    variables.put("messages", continuation.marked());
    return continuation.cut(render(variables));
  }

  /// The Jinja source.
  public String source() {
    return source;
  }

  private String render(Map<String, @Nullable Object> variables) {
    try {
      return compiled().render(variables);
    } catch (TemplateException e) {
      throw invalid(e);
    }
  }

  private PromptTemplate compiled() {
    PromptTemplate ready = compiled;
    if (ready != null) {
      return ready;
    }
    compiling.lock();
    try {
      if (compiled == null) {
        compiled = PromptTemplate.compile(source, clock);
      }
      return Objects.requireNonNull(compiled);
    } catch (TemplateException e) {
      throw invalid(e);
    } finally {
      compiling.unlock();
    }
  }

  private static EngineException invalid(TemplateException e) {
    String field = e.reason() == TemplateException.Reason.SYNTAX ? "chat_template" : "messages";
    String what =
        switch (e.reason()) {
          case SYNTAX, LIMIT -> "";
          case RAISED -> "the chat template refused them: ";
          case EVALUATION -> "the chat template failed: ";
        };
    return new EngineException(
        ErrorCode.INVALID_ARGUMENT, field, field + ": " + what + e.getMessage(), e);
  }

  /// The last message with a mark after its text, at which the rendered prompt is cut.
  private record Continuation(List<Map<String, Object>> marked, String text) {
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
}
