package dev.krait.reply;

import java.util.List;
import java.util.Optional;
import tools.jackson.core.JsonToken;

/// A call as a JSON object: its name, and its arguments as an object or as the text of one, in any
/// order. `{"function": {...}}` around both is taken as well.
///
/// The call begins when both are known to come, so that an object that is no call stays text.
final class JsonCall implements CallReader {
  private static final List<String> NAMES = List.of("name", "function");
  private static final List<String> ARGUMENTS = List.of("arguments", "parameters");

  private final JsonText json = new JsonText();
  private final StringBuilder early = new StringBuilder();
  private Optional<String> name = Optional.empty();
  private boolean begun;
  private String key = "";

  /// Depth of the object that has the name.
  private int level = 1;

  /// Depth of the arguments while they are read, else 0.
  private int inside;

  private boolean closing;
  private boolean given;

  @Override
  public Step read(Input input, Sink sink) {
    while (input.hasNext()) {
      char c = input.peek();
      boolean before = inside > 0;
      if (!json.push(c, this::token)) {
        return mayEnd() ? Step.DONE : Step.BROKEN;
      }
      input.next();
      if (before || inside > 0) {
        early.append(c);
      }
      if (closing) {
        closing = false;
        inside = 0;
      }
      if (!emit(sink)) {
        return Step.BROKEN;
      }
      if (json.isOver()) {
        return end(sink);
      }
    }
    return Step.MORE;
  }

  @Override
  public boolean mayEnd() {
    return begun && inside == 0;
  }

  private boolean token(JsonToken token, int depth) {
    if (inside > 0) {
      closing = token == JsonToken.END_OBJECT && depth == inside;
      return true;
    }
    if (depth == level + 1 && token.isStructStart()) {
      return nested(token, depth);
    }
    if (depth != level) {
      return true;
    }
    return switch (token) {
      case PROPERTY_NAME -> {
        key = json.text();
        yield true;
      }
      case VALUE_STRING -> text(json.text());
      case END_OBJECT -> {
        level = 1;
        yield true;
      }
      case START_OBJECT, VALUE_NULL -> true;
      default -> !NAMES.contains(key) && !ARGUMENTS.contains(key);
    };
  }

  private boolean nested(JsonToken token, int depth) {
    if (ARGUMENTS.contains(key) && !given) {
      inside = depth;
      given = true;
      return token == JsonToken.START_OBJECT;
    }
    if (key.equals("function") && token == JsonToken.START_OBJECT && level == 1) {
      level = 2;
      return true;
    }
    return !NAMES.contains(key) && !ARGUMENTS.contains(key);
  }

  private boolean text(String value) {
    if (NAMES.contains(key) && name.isEmpty()) {
      name = Optional.of(value);
    } else if (ARGUMENTS.contains(key) && !given) {
      given = true;
      early.append(value);
    }
    return true;
  }

  /// Passes on what is known of the arguments, once the name is.
  private boolean emit(Sink sink) {
    if (name.isEmpty()) {
      return true;
    }
    if (!sink.tools().has(name.get())) {
      return false;
    }
    if (!begun && !early.isEmpty()) {
      begun = true;
      sink.begin(name.get(), "");
    }
    if (!early.isEmpty()) {
      sink.arguments(early.toString());
      early.setLength(0);
    }
    return true;
  }

  private Step end(Sink sink) {
    if (name.isEmpty()) {
      return Step.BROKEN;
    }
    if (!begun) {
      sink.begin(name.get(), "");
      sink.arguments("{}");
    }
    return Step.DONE;
  }
}
