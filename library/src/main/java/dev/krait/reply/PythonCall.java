package dev.krait.reply;

import java.util.Optional;

/// A call as Python writes it, with arguments by name whose values are constants: `f(a=1,
/// b=["x"])`. It begins when it is whole.
final class PythonCall implements CallReader {
  private final StringBuilder name = new StringBuilder();
  private final StringBuilder arguments = new StringBuilder();
  private boolean open;
  private int depth;

  /// The quote of the string that is read, else 0.
  private char quote;

  private boolean escaped;

  @Override
  public Step read(Input input, Sink sink) {
    while (input.hasNext()) {
      char c = input.peek();
      if (!open) {
        if (c == '(' && sink.tools().has(name.toString())) {
          open = true;
        } else if (ToolFormat.isNamePart(c)) {
          name.append(c);
        } else {
          return Step.BROKEN;
        }
        input.next();
        continue;
      }
      input.next();
      if (c == ')' && depth == 0 && quote == 0) {
        return end(sink);
      }
      arguments.append(c);
      advance(c);
    }
    return Step.MORE;
  }

  private void advance(char c) {
    if (quote == 0) {
      switch (c) {
        case '\'', '"' -> quote = c;
        case '(', '[', '{' -> depth++;
        case ')', ']', '}' -> depth--;
        default -> {}
      }
    } else if (escaped) {
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (c == quote) {
      quote = 0;
    }
  }

  private Step end(Sink sink) {
    Optional<String> json = new PythonArguments(arguments.toString()).json();
    if (json.isEmpty()) {
      return Step.BROKEN;
    }
    sink.begin(name.toString(), "");
    sink.arguments(json.get());
    return Step.DONE;
  }
}
