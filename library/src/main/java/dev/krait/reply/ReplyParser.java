package dev.krait.reply;

import dev.krait.reply.ToolFormat.Ids;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/// Reads the text of one sequence as a reply: reasoning, answer and calls of tools. What it gives
/// out does not depend on the pieces that the text comes in. One thread.
///
/// White space round reasoning and calls is left out. What looks like a call and is none, because
/// it is malformed or names no tool of the request, is text. Where a stream has given out the
/// beginning of a call whose arguments turn out to be malformed, the rest of them follows as the
/// model wrote it.
public final class ReplyParser {
  /// What is being read.
  private enum State {
    REASONING,
    ANSWER,
    CALLS
  }

  private final Optional<ToolFormat> tools;
  private final Optional<ReasoningFormat> reasoning;
  private final List<String> reasoningEnds;
  private final List<String> openableReasoningEnds;
  private final List<String> answerMarks;
  private final List<String> openableAnswerMarks;
  private final Optional<String> named;
  private final CallLog log;
  private final ReplyEvents events = new ReplyEvents();
  private final Input input = new Input();

  /// White space that is text if text follows.
  private final StringBuilder space = new StringBuilder();

  private State state;

  /// What a section of calls goes back to.
  private State around = State.ANSWER;

  private Optional<Section> section = Optional.empty();

  /// Whether the marker of reasoning may come.
  private boolean openable;

  /// Whether nothing of the answer came yet.
  private boolean beginning = true;

  /// Whether white space that follows is left out.
  private boolean trims;

  /// Half a character that ended a piece.
  private String half = "";

  /// A parser for one sequence.
  ///
  /// @param start where in the reply its text begins
  /// @param random numbers that names of calls are made of
  public ReplyParser(
      ReplyFormat format, ReplyRequest request, ReplyStart start, LongSupplier random) {
    boolean forced = request.use().isForced();
    this.tools =
        request.tools().isEmpty()
            ? Optional.empty()
            : forced ? ReplyFormat.generic() : format.tools();
    boolean reasons = start == ReplyStart.REASONING;
    this.reasoning = forced && !reasons ? Optional.empty() : format.reasoning();
    this.named = tools.isEmpty() ? Optional.empty() : request.named();
    List<String> opener = reasoning.stream().map(ReasoningFormat::opener).toList();
    this.reasoningEnds =
        joined(
            reasoning.stream().map(ReasoningFormat::closer).toList(),
            tools.filter(ToolFormat::endsReasoning).map(ToolFormat::openers).orElse(List.of()));
    this.openableReasoningEnds = joined(reasoningEnds, opener);
    this.answerMarks =
        tools.map(calls -> joined(calls.openers(), calls.silent())).orElse(List.of());
    this.openableAnswerMarks = joined(opener, answerMarks);
    Ids ids = format.tools().map(ToolFormat::ids).orElse(Ids.GENERATED);
    this.log = new CallLog(request, ids, random, events);
    this.state = reasons && reasoning.isPresent() ? State.REASONING : State.ANSWER;
    this.openable = reasoning.isPresent() && start != ReplyStart.ANSWER;
    this.trims = state == State.REASONING;
    if (state == State.ANSWER) {
      beginAnswer();
    }
  }

  /// Begins the call of which the answer is the arguments, if it is one.
  private void beginAnswer() {
    if (named.isPresent()) {
      state = State.CALLS;
      NamedCall call = new NamedCall(named.get());
      section = Optional.of(new Section(tools.orElseThrow(), log, call));
    }
  }

  private static List<String> joined(List<String> first, List<String> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
  }

  /// A parser of text that is nothing but an answer.
  public static ReplyParser plain() {
    return new ReplyParser(
        ReplyFormat.plain(), ReplyRequest.of(ToolUse.none(), false), ReplyStart.ANSWER, () -> 0);
  }

  /// Whether all text is the answer.
  public boolean isPlain() {
    return tools.isEmpty() && reasoning.isEmpty();
  }

  /// Whether a special token, which texts usually leave out, is part of a marker.
  public boolean marks(String token) {
    return Stream.concat(
            tools.stream().flatMap(ToolFormat::markers),
            reasoning.stream().flatMap(format -> Stream.of(format.opener(), format.closer())))
        .anyMatch(marker -> marker.contains(token));
  }

  /// Whether the text that was read last is reasoning.
  public boolean isReasoning() {
    return state == State.REASONING;
  }

  /// Whether a tool was called.
  public boolean hasCalls() {
    return log.count() > 0;
  }

  /// Whether the model chose to call a tool: a call that the request names says nothing new.
  public boolean choseCalls() {
    return hasCalls() && named.isEmpty();
  }

  /// Takes the next piece of text.
  public void push(String text) {
    if (isPlain()) {
      events.text(text);
      return;
    }
    String all = half + text;
    boolean cut = !all.isEmpty() && Character.isHighSurrogate(all.charAt(all.length() - 1));
    half = cut ? all.substring(all.length() - 1) : "";
    input.append(cut ? all.substring(0, all.length() - 1) : all);
    read();
  }

  /// Ends the text.
  public void finish() {
    input.append(half);
    half = "";
    input.end();
    read();
    if (section.isPresent()) {
      leave(section.get().finish());
      read();
    }
    if (state == State.ANSWER && !trims && !hasCalls()) {
      events.text(space);
    }
    space.setLength(0);
  }

  /// What came of the text since the last call.
  public List<ReplyEvent> take() {
    return events.take();
  }

  private void read() {
    boolean more = true;
    while (more) {
      more =
          switch (state) {
            case REASONING -> reasoning(reasoning.orElseThrow());
            case ANSWER -> answer();
            case CALLS -> {
              Section.Step step = section.orElseThrow().read(input);
              yield step != Section.Step.MORE && leave(step);
            }
          };
    }
  }

  private boolean reasoning(ReasoningFormat format) {
    List<String> ends = openable ? openableReasoningEnds : reasoningEnds;
    if (input.isUndecided(ends)) {
      return false;
    }
    Optional<String> end = input.take(ends);
    if (end.isEmpty()) {
      put(input.next());
    } else if (end.get().equals(format.closer())) {
      state = State.ANSWER;
      trim();
      beginAnswer();
    } else if (end.get().equals(format.opener())) {
      trim();
    } else {
      enter(end.get());
    }
    return true;
  }

  private boolean answer() {
    List<String> marks = openable ? openableAnswerMarks : answerMarks;
    if (input.isUndecided(marks)) {
      return false;
    }
    if (beginning && tools.isPresent() && tools.get().bare().indexOf(input.peek()) >= 0) {
      enter("");
      return true;
    }
    Optional<String> mark = input.take(marks);
    if (mark.isEmpty()) {
      put(input.next());
    } else if (tools.isPresent() && tools.get().openers().contains(mark.get())) {
      enter(mark.get());
    } else if (openable && mark.get().equals(reasoning.orElseThrow().opener())) {
      state = State.REASONING;
      trim();
    }
    return true;
  }

  /// Leaves out the white space around what was just read.
  private void trim() {
    space.setLength(0);
    trims = true;
    openable = false;
  }

  private void enter(String opener) {
    section = Optional.of(new Section(tools.orElseThrow(), log, space, opener));
    space.setLength(0);
    around = state;
    state = State.CALLS;
    beginning = false;
    openable = false;
  }

  private boolean leave(Section.Step step) {
    String raw = section.orElseThrow().raw();
    section = Optional.empty();
    state = step == Section.Step.BROKEN ? around : State.ANSWER;
    if (step == Section.Step.BROKEN) {
      log.drop();
      for (int i = 0; i < raw.length(); i++) {
        put(raw.charAt(i));
      }
    } else {
      trim();
    }
    return true;
  }

  /// Adds a character to the reasoning or the answer.
  private void put(char c) {
    if (Character.isWhitespace(c)) {
      space.append(c);
      return;
    }
    openable = false;
    if (!trims) {
      add(space);
    }
    space.setLength(0);
    trims = false;
    beginning &= state == State.REASONING;
    add(String.valueOf(c));
  }

  private void add(CharSequence text) {
    if (state == State.REASONING) {
      events.reasoning(text);
    } else {
      events.text(text);
    }
  }
}
