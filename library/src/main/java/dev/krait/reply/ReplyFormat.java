package dev.krait.reply;

import dev.krait.error.EngineException;
import dev.krait.text.ChatTemplate;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// How a model writes its replies.
///
/// @param tools how it calls tools; empty when its calls stay text
/// @param reasoning how it marks reasoning; empty when that stays text
/// @param names by what the two were chosen
public record ReplyFormat(
    Optional<ToolFormat> tools, Optional<ReasoningFormat> reasoning, Names names) {
  /// The name that leaves the choice to the chat template.
  public static final String AUTO = "auto";

  /// The name that leaves calls or reasoning in the text.
  public static final String NONE = "none";

  /// The format of calls for models whose template shows none of the others.
  private static final String GENERIC = "json";

  /// A row of a table of formats.
  sealed interface Entry permits ToolFormat, ReasoningFormat {
    /// Names, the one by which it is known first.
    List<String> names();

    /// Texts of which a chat template of this format has one.
    List<String> signs();
  }

  /// Names of the two formats, each of them [#AUTO], [#NONE] or one of the tables.
  ///
  /// @param tools how calls of tools are written
  /// @param reasoning how reasoning is marked
  public record Names(String tools, String reasoning) {
    /// Checks that the names are known.
    public Names {
      check("tool-call-parser", tools, ToolFormat.ALL);
      check("reasoning-parser", reasoning, ReasoningFormat.ALL);
    }

    /// Both as the chat template shows them.
    public static Names auto() {
      return new Names(AUTO, AUTO);
    }

    private static void check(String option, String name, List<? extends Entry> all) {
      boolean known = all.stream().anyMatch(format -> format.names().contains(name));
      if (!known && !name.equals(AUTO) && !name.equals(NONE)) {
        throw EngineException.invalidArgument(
            option,
            name,
            all.stream()
                .flatMap(format -> format.names().stream())
                .sorted()
                .collect(Collectors.joining(", ", AUTO + ", " + NONE + ", ", "")));
      }
    }
  }

  /// Replies that are text alone.
  public static ReplyFormat plain() {
    return new ReplyFormat(Optional.empty(), Optional.empty(), new Names(NONE, NONE));
  }

  /// The formats of a model.
  public static ReplyFormat of(Names names, Optional<ChatTemplate> template) {
    return of(names, text -> template.map(found -> found.contains(text)).orElse(false));
  }

  /// The formats of a model.
  ///
  /// @param template whether the model's chat template has a text
  static ReplyFormat of(Names names, Predicate<String> template) {
    boolean open = names.tools().equals(AUTO) && template.test("tools");
    return new ReplyFormat(
        chosen(names.tools(), ToolFormat.ALL, template)
            .or(() -> open ? generic() : Optional.empty()),
        chosen(names.reasoning(), ReasoningFormat.ALL, template),
        names);
  }

  /// The formats where a request brings a chat template of its own.
  public ReplyFormat in(String template) {
    return of(names, template::contains);
  }

  /// The format of calls that structured output enforces.
  static Optional<ToolFormat> generic() {
    return chosen(GENERIC, ToolFormat.ALL, _ -> false);
  }

  private static <T extends Entry> Optional<T> chosen(
      String name, List<T> all, Predicate<String> template) {
    return all.stream()
        .filter(format ->
            name.equals(AUTO)
                ? format.signs().stream().anyMatch(template)
                : format.names().contains(name))
        .findFirst();
  }

  /// Where a reply begins.
  ///
  /// @param prompt text of the prompt, or its end
  public ReplyStart start(String prompt) {
    String end = prompt.stripTrailing();
    if (reasoning.isEmpty() || end.endsWith(reasoning.get().closer())) {
      return ReplyStart.ANSWER;
    }
    return reasoning.get().implied() || end.endsWith(reasoning.get().opener())
        ? ReplyStart.REASONING
        : ReplyStart.OPEN;
  }

  /// What ends reasoning.
  public Optional<String> reasoningCloser() {
    return reasoning.map(ReasoningFormat::closer);
  }

  /// Where a reply begins that goes on with a text of the assistant.
  public ReplyStart startAfter(String text) {
    return reasoning
        .filter(format -> text.lastIndexOf(format.opener()) > text.lastIndexOf(format.closer()))
        .map(_ -> ReplyStart.REASONING)
        .orElse(ReplyStart.ANSWER);
  }

  /// The names of both, for people.
  public String describe() {
    return "tool calls "
        + tools.map(format -> format.names().getFirst()).orElse(NONE)
        + ", reasoning "
        + reasoning.map(format -> format.names().getFirst()).orElse(NONE);
  }
}
