package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.template.TemplateException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Turns a conversation into the prompt that a model was trained on, with the Jinja template of its
/// checkpoint.
///
/// Any thread may render. [#open] only reads files: the first rendering parses the template, and a
/// server calls [#probe] on a background thread while the weights load. Templates cannot reach
/// Java, files or the network, and every rendering has a budget of work, depth and memory.
public final class ChatTemplate {
  private static final String TOOL_USE = "tool_use";
  private static final Map<String, Object> TOOL =
      Map.of(
          "type",
          "function",
          "function",
          Map.of(
              "name",
              "f",
              "description",
              "A function",
              "parameters",
              Map.of("type", "object", "properties", Map.of())));

  private final String origin;
  private final Map<String, JinjaTemplate> templates;

  private ChatTemplate(
      String origin, Map<String, String> sources, Clock clock, Map<String, Object> tokens) {
    this.origin = origin;
    this.templates = new TreeMap<>();
    sources.forEach((name, source) ->
        templates.put(
            name,
            new JinjaTemplate(
                source, clock, tokens, name.equals(TOOL_USE) ? List.of(TOOL) : null)));
  }

  /// Opens the templates of a model folder: `chat_template.jinja`, else `chat_template` of
  /// `tokenizer_config.json`, which may be a list of named ones, and
  /// `additional_chat_templates/NAME.jinja`. A conversation with tools takes the one named
  /// `tool_use` where there is one, any other the one named `default`. The templates themselves are
  /// first looked at by [#probe] or the first rendering.
  ///
  /// @return empty when the folder has no template
  /// @throws EngineException INVALID_CHECKPOINT for a broken file
  public static Optional<ChatTemplate> open(Path modelFolder) {
    TokenizerConfig config = TokenizerConfig.read(modelFolder);
    return config.chatTemplates().isEmpty()
        ? Optional.empty()
        : Optional.of(
            new ChatTemplate(
                modelFolder + ": ", config.chatTemplates(), systemClock(), config.specialTokens()));
  }

  /// Opens a template of a file of its own, for the tokenizer of a folder.
  ///
  /// @throws EngineException INVALID_CHECKPOINT for a file that cannot be read
  public static ChatTemplate open(Path modelFolder, Path file) {
    return new ChatTemplate(
        file + ": ",
        Map.of(TemplateFiles.DEFAULT, TemplateFiles.text(file)),
        systemClock(),
        TokenizerConfig.read(modelFolder).specialTokens());
  }

  /// A template from its source.
  ///
  /// @param specialTokens variables of the template such as `bos_token`; see
  ///   [Tokenizer#specialTokens]
  /// @throws EngineException INVALID_ARGUMENT when the source is not a valid template
  public static ChatTemplate of(String source, Map<String, Object> specialTokens) {
    return of(source, specialTokens, systemClock());
  }

  /// A template from its source whose `strftime_now` reads a given clock.
  public static ChatTemplate of(String source, Map<String, Object> specialTokens, Clock clock) {
    ChatTemplate template =
        new ChatTemplate("", Map.of(TemplateFiles.DEFAULT, source), clock, specialTokens);
    try {
      template.chosen(false).compiled();
    } catch (TemplateException e) {
      throw invalid(e);
    }
    return template;
  }

  private static Clock systemClock() {
    return Clock.system(ZoneId.systemDefault());
  }

  /// Compiles the templates if that has not happened yet and renders small conversations until one
  /// works: a warm-up, and the check that the templates are any good.
  ///
  /// @throws EngineException INVALID_CHECKPOINT for a template that is not valid or cannot render
  ///   even the simplest conversation
  public void probe() {
    for (String name : List.of(TemplateFiles.DEFAULT, TOOL_USE)) {
      try {
        Optional.ofNullable(templates.get(name)).ifPresent(JinjaTemplate::probe);
      } catch (TemplateException e) {
        throw new EngineException(
            ErrorCode.INVALID_CHECKPOINT, origin + "chat template: " + e.getMessage(), e);
      }
    }
  }

  /// Renders a conversation.
  ///
  /// The messages are first brought into the form that transformers documents for templates:
  /// arguments of tool calls as objects, nothing null, content as a text or as parts as the
  /// template reads it, and `developer` as `system` where the template does not know it.
  ///
  /// @param messages the messages of the OpenAI API as JSON objects; nulls inside are allowed
  /// @param addGenerationPrompt whether the prompt ends with the start of an answer
  /// @param continueFinalMessage whether the prompt ends inside the last message, right after its
  ///   text, so that the model goes on with it; not together with a generation prompt
  /// @param tools the tools as JSON objects, in scope as `tools`
  /// @param kwargs further variables of the template
  /// @throws EngineException INVALID_ARGUMENT when the template refuses the conversation (the
  ///   message holds what it raised), fails on it, runs into a limit, or does not use the tools
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
    JinjaTemplate template = chosen(tools.isPresent());
    Map<String, @Nullable Object> variables = new HashMap<>();
    variables.put("tools", tools.orElse(null));
    variables.putAll(kwargs);
    variables.put("add_generation_prompt", addGenerationPrompt);
    try {
      if (tools.isPresent() && !template.usesTools()) {
        throw EngineException.invalidArgument(
            "tools",
            tools.get().size() + " given",
            "none: the chat template of this model does not use tools");
      }
      List<Map<String, Object>> formed = new TemplateMessages(template).of(messages);
      if (!continueFinalMessage) {
        variables.put("messages", formed);
        return template.render(variables);
      }
      Continuation continuation = Continuation.of(formed);
      variables.put("messages", continuation.marked());
      return continuation.cut(template.render(variables));
    } catch (TemplateException e) {
      throw invalid(e);
    }
  }

  /// Whether one of the templates has a text in its source.
  public boolean contains(String text) {
    return templates.values().stream().anyMatch(template -> template.contains(text));
  }

  private JinjaTemplate chosen(boolean tools) {
    JinjaTemplate forTools = tools ? templates.get(TOOL_USE) : null;
    JinjaTemplate chosen = forTools == null ? templates.get(TemplateFiles.DEFAULT) : forTools;
    if (chosen == null) {
      throw EngineException.invalidArgument(
          templates.containsKey(TOOL_USE) ? "tools" : "messages",
          templates.containsKey(TOOL_USE) ? "none" : "given",
          "%s; the model has no default chat template, only %s"
              .formatted(
                  templates.containsKey(TOOL_USE) ? "tools" : "/v1/completions",
                  String.join(", ", templates.keySet())));
    }
    return chosen;
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
}
