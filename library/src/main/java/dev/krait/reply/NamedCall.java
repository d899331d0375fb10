package dev.krait.reply;

import java.util.List;
import java.util.Optional;

/// A call as a name and a JSON object behind it, with a marker between them or none:
/// `name[ARGS]{...}`.
final class NamedCall implements CallReader {
  /// Between a name and what the model calls the call.
  static final String CALL_ID = "[CALL_ID]";

  private static final int MOST = 256;

  private final List<String> separators;
  private final ToolFormat.Ids ids;
  private final JsonText json = new JsonText();
  private final StringBuilder name = new StringBuilder();
  private final StringBuilder id = new StringBuilder();
  private boolean named;
  private boolean identified;
  private boolean begun;

  NamedCall(List<String> separators, ToolFormat.Ids ids) {
    this.separators = separators;
    this.ids = ids;
  }

  /// A call whose name is known: its arguments alone.
  NamedCall(String name) {
    this(List.of(), ToolFormat.Ids.GENERATED);
    this.name.append(name);
    this.named = true;
  }

  @Override
  public Step read(Input input, Sink sink) {
    while (input.hasNext()) {
      if (!begun && input.peek() != '{') {
        if (input.isUndecided(separators)) {
          return Step.MORE;
        }
        if (!head(input)) {
          return Step.BROKEN;
        }
        continue;
      }
      if (!begun && !begin(sink)) {
        return Step.BROKEN;
      }
      char c = input.peek();
      if (!json.push(c, (_, _) -> true)) {
        return Step.BROKEN;
      }
      input.next();
      sink.arguments(String.valueOf(c));
      if (json.isOver()) {
        return Step.DONE;
      }
    }
    return Step.MORE;
  }

  /// Reads a part of what stands before the arguments.
  private boolean head(Input input) {
    Optional<String> separator = input.take(separators);
    if (separator.isPresent()) {
      named = true;
      identified = separator.get().equals(CALL_ID);
      return !name.isEmpty();
    }
    char c = input.peek();
    boolean space = Character.isWhitespace(c);
    if (!space
        && (!ToolFormat.isNamePart(c)
            || (named && !identified)
            || name.length() + id.length() > MOST)) {
      return false;
    }
    input.next();
    if (!space) {
      (named ? id : name).append(c);
    }
    return true;
  }

  private boolean begin(Sink sink) {
    String called = name.toString();
    String own = id.toString();
    if (ids == ToolFormat.Ids.FUNCTIONS) {
      own = called;
      called = called.replaceFirst("^functions\\.", "").replaceFirst(":\\d+$", "");
    }
    begun = sink.tools().has(called);
    if (begun) {
      sink.begin(called, own);
    }
    return begun;
  }
}
