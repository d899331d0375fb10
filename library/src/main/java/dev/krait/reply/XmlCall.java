package dev.krait.reply;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// A call in tags, whose values are raw text that the tool's schema gives a type:
/// `<function=f><parameter=a>1</parameter></function>`. What began it has been read.
///
/// Values of strings are passed on as they come. A value ends where its closing tag is followed by
/// another parameter or the end of the call, so that it may hold such tags itself.
final class XmlCall implements CallReader {
  private static final int MOST = 256;
  private static final Pattern NUMBER = Pattern.compile("-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?");
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  /// Where reading is.
  private enum State {
    NAME,
    BODY,
    KEY,
    VALUE,
    AFTER_VALUE
  }

  private final String closer;
  private final List<String> closers;
  private final List<String> ending;
  private final List<String> next;
  private final List<String> follows;
  private final List<String> nameEnd;
  private final StringBuilder name = new StringBuilder();
  private final StringBuilder key = new StringBuilder();

  /// Of a value: what was not passed on yet.
  private final StringBuilder value = new StringBuilder();

  /// What may be the end of a value, or part of it.
  private final StringBuilder held = new StringBuilder();

  private State state = State.NAME;
  private boolean streams;
  private boolean beginning;
  private boolean newline;
  private boolean first = true;

  /// A call.
  ///
  /// @param marks see [ToolFormat.Syntax#XML]
  /// @param closers what may end it where its own end is missing
  XmlCall(List<String> marks, List<String> closers) {
    this.closers = closers;
    this.closer = marks.get(1);
    this.ending = List.of(marks.get(3));
    this.next = List.of(marks.get(1), marks.get(2));
    this.follows = Stream.concat(next.stream(), closers.stream()).toList();
    this.nameEnd = List.of(marks.get(4));
  }

  @Override
  public Step read(Input input, Sink sink) {
    while (!input.isUndecided(awaited())) {
      Step step =
          switch (state) {
            case NAME -> name(input, sink);
            case KEY -> key(input, sink);
            case BODY -> body(input, sink);
            case VALUE -> value(input, sink);
            case AFTER_VALUE -> afterValue(input, sink);
          };
      if (step != Step.MORE) {
        return step;
      }
    }
    return Step.MORE;
  }

  private List<String> awaited() {
    return switch (state) {
      case NAME, KEY -> nameEnd;
      case BODY, AFTER_VALUE -> follows;
      case VALUE -> ending;
    };
  }

  private Step name(Input input, Sink sink) {
    if (input.take(nameEnd).isEmpty()) {
      return grow(name, input);
    }
    if (!sink.tools().has(name.toString())) {
      return Step.BROKEN;
    }
    sink.begin(name.toString(), "");
    state = State.BODY;
    return Step.MORE;
  }

  private Step body(Input input, Sink sink) {
    if (Character.isWhitespace(input.peek())) {
      input.next();
      return Step.MORE;
    }
    Optional<String> mark = input.take(next);
    return mark.isPresent() || input.startsWith(closers)
        ? follow(mark.orElse(closer), sink)
        : Step.BROKEN;
  }

  private Step follow(String mark, Sink sink) {
    if (mark.equals(closer)) {
      sink.arguments(first ? "{}" : "}");
      return Step.DONE;
    }
    key.setLength(0);
    state = State.KEY;
    return Step.MORE;
  }

  private Step key(Input input, Sink sink) {
    if (input.take(nameEnd).isEmpty()) {
      return grow(key, input);
    }
    sink.arguments((first ? "{\"" : ", \"") + JsonText.escaped(key.toString()) + "\": ");
    first = false;
    String type = sink.tools().type(name.toString(), key.toString());
    streams = type.equals("string") && !sink.tools().isNullable(name.toString(), key.toString());
    sink.arguments(streams ? "\"" : "");
    beginning = true;
    newline = false;
    state = State.VALUE;
    return Step.MORE;
  }

  private Step value(Input input, Sink sink) {
    Optional<String> end = input.take(ending);
    if (end.isPresent()) {
      held.append(end.get());
      state = State.AFTER_VALUE;
    } else {
      put(input.next(), sink);
    }
    return Step.MORE;
  }

  private Step afterValue(Input input, Sink sink) {
    if (Character.isWhitespace(input.peek())) {
      held.append(input.next());
      return Step.MORE;
    }
    Optional<String> mark = input.take(next);
    if (mark.isPresent() || input.startsWith(closers)) {
      held.setLength(0);
      sink.arguments(streams ? "\"" : typed(sink.tools()));
      value.setLength(0);
      return follow(mark.orElse(closer), sink);
    }
    state = State.VALUE;
    String part = held.toString();
    held.setLength(0);
    for (int i = 0; i < part.length(); i++) {
      put(part.charAt(i), sink);
    }
    return Step.MORE;
  }

  /// Adds to the value, but for one line break at its beginning and one at its end.
  private void put(char c, Sink sink) {
    boolean frames = beginning && c == '\n';
    beginning = false;
    if (frames) {
      return;
    }
    value.append(newline ? "\n" : "");
    newline = c == '\n';
    value.append(newline ? "" : String.valueOf(c));
    if (streams) {
      sink.arguments(JsonText.escaped(value.toString()));
      value.setLength(0);
    }
  }

  /// The value as its type writes it in JSON; a string where it is not of that type.
  private String typed(Tools tools) {
    String text = value.toString();
    String type = tools.type(name.toString(), key.toString());
    boolean string = type.equals("string");
    String bare = text.strip();
    boolean none = bare.equalsIgnoreCase("null") || bare.equalsIgnoreCase("none");
    if (none && (!string || tools.isNullable(name.toString(), key.toString()))) {
      return "null";
    }
    String word = bare.toLowerCase(Locale.ROOT);
    Optional<String> json =
        switch (type) {
          case "string" -> Optional.empty();
          case "boolean" ->
              word.equals("true") || word.equals("false") ? Optional.of(word) : Optional.empty();
          case "integer", "number" -> json(bare).filter(_ -> NUMBER.matcher(bare).matches());
          default -> json(bare).or(() -> new PythonArguments(bare).value());
        };
    return json.orElse("\"" + JsonText.escaped(text) + "\"");
  }

  private static Optional<String> json(String text) {
    try {
      return JSON.readTree(text).isMissingNode() ? Optional.empty() : Optional.of(text);
    } catch (JacksonException e) {
      return Optional.empty();
    }
  }

  private static Step grow(StringBuilder name, Input input) {
    char c = input.next();
    name.append(c);
    return c == '\n' || name.length() > MOST ? Step.BROKEN : Step.MORE;
  }
}
