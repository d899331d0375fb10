package dev.krait.reply;

import dev.krait.reply.ToolFormat.Syntax;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The calls behind one opener.
final class Section implements CallReader.Sink {
  private static final String SEPARATORS = ",;[";

  /// How far reading came.
  enum Step {
    /// There is more to read.
    ON,
    /// More text must come.
    MORE,
    /// The section is over; what is unread is behind it.
    OVER,
    /// [#raw] is text, and what is unread may be.
    BROKEN
  }

  private final ToolFormat format;
  private final List<String> closers;
  private final List<String> starts;
  private final List<String> marks;
  private final CallLog log;

  /// What was read since the last whole call.
  private final StringBuilder raw;

  private Optional<CallReader> call = Optional.empty();
  private boolean any;

  /// Whether the arguments went wrong after the call was given out: they are passed on as they are.
  private boolean rough;

  /// Begins behind an opener.
  ///
  /// @param space white space before the opener
  /// @param opener the opener, empty for calls without one
  Section(ToolFormat format, CallLog log, CharSequence space, String opener) {
    this.format = format;
    this.log = log;
    this.closers = opener.isEmpty() ? List.of() : format.closers();
    boolean tags = format.syntaxes().contains(Syntax.XML);
    this.starts = tags ? List.of(format.marks().getFirst()) : List.of();
    this.marks = Stream.concat(closers.stream(), starts.stream()).toList();
    this.raw = new StringBuilder(space).append(opener);
    if (starts.contains(opener)) {
      call = Optional.of(new XmlCall(format.marks(), closers));
    }
  }

  /// Begins inside of a call.
  Section(ToolFormat format, CallLog log, CallReader call) {
    this(format, log, "", "");
    this.call = Optional.of(call);
  }

  /// Reads on.
  ///
  /// @return any but ON
  Step read(Input input) {
    Step step = Step.ON;
    while (step == Step.ON) {
      if (rough) {
        step = rough(input);
      } else if (call.isPresent()) {
        step = call(call.get(), input);
      } else {
        step = between(input);
      }
    }
    return step;
  }

  /// Ends with the text.
  ///
  /// @return OVER or BROKEN
  Step finish() {
    boolean whole = call.isEmpty() ? any : call.get().mayEnd() || log.isGivenOut();
    if (call.isPresent() && whole) {
      log.end();
    }
    return whole ? Step.OVER : Step.BROKEN;
  }

  /// Text since the last whole call.
  String raw() {
    return raw.toString();
  }

  private Step call(CallReader reader, Input input) {
    int from = input.position();
    CallReader.Step step = reader.read(input, this);
    raw.append(input.since(from));
    return switch (step) {
      case MORE -> Step.MORE;
      case DONE -> {
        done();
        boolean single = format.syntaxes().getFirst() == Syntax.NAMED && closers.isEmpty();
        yield single && reader instanceof NamedCall ? Step.OVER : Step.ON;
      }
      case BROKEN -> {
        rough = log.isGivenOut();
        yield rough ? Step.ON : Step.BROKEN;
      }
    };
  }

  private void done() {
    log.end();
    raw.setLength(0);
    call = Optional.empty();
    any = true;
  }

  private Step rough(Input input) {
    if (input.isUndecided(closers)) {
      return Step.MORE;
    }
    if (input.take(closers).isPresent()) {
      done();
      return Step.OVER;
    }
    log.arguments(String.valueOf(input.next()));
    return Step.ON;
  }

  private Step between(Input input) {
    if (input.isUndecided(marks)) {
      return Step.MORE;
    }
    int from = input.position();
    if (input.take(closers).isPresent()) {
      raw.append(input.since(from));
      return any ? Step.OVER : Step.BROKEN;
    }
    if (input.take(starts).isPresent()) {
      raw.append(input.since(from));
      call = Optional.of(new XmlCall(format.marks(), closers));
      return Step.ON;
    }
    char c = input.peek();
    boolean end = any && (c == ']' || c == '}');
    if (end || Character.isWhitespace(c) || SEPARATORS.indexOf(c) >= 0) {
      raw.append(input.next());
      return end && c == ']' && closers.isEmpty() ? Step.OVER : Step.ON;
    }
    call = reader(c);
    if (call.isPresent()) {
      return Step.ON;
    }
    return any ? Step.OVER : Step.BROKEN;
  }

  private Optional<CallReader> reader(char first) {
    return format.syntaxes().stream()
        .filter(syntax -> syntax.begins(first))
        .findFirst()
        .map(syntax ->
            switch (syntax) {
              case JSON -> new JsonCall();
              case PYTHON -> new PythonCall();
              case NAMED -> new NamedCall(format.marks(), format.ids());
              case XML -> new XmlCall(format.marks(), closers);
            });
  }

  @Override
  public Tools tools() {
    return log.tools();
  }

  @Override
  public void begin(String name, String id) {
    log.begin(name, id);
  }

  @Override
  public void arguments(String piece) {
    log.arguments(piece);
  }
}
