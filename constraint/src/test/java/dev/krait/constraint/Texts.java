package dev.krait.constraint;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// JSON and acceptance as tests need them.
final class Texts {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();

  private Texts() {}

  /// JSON with single quotes.
  static @Nullable Object json(String text) {
    return MAPPER.readValue(text.replace('\'', '"'), Object.class);
  }

  static Map<?, ?> object(String line) {
    return MAPPER.readValue(line, Map.class);
  }

  static String write(@Nullable Object value) {
    return switch (value) {
      case null -> "null";
      case String text -> '"' + Encoding.escaped(text) + '"';
      case List<?> list -> {
        StringJoiner items = new StringJoiner(", ", "[", "]");
        list.forEach(item -> items.add(write(item)));
        yield items.toString();
      }
      case Map<?, ?> map -> {
        StringJoiner entries = new StringJoiner(", ", "{", "}");
        map.forEach((name, item) -> entries.add(write(name) + ": " + write(item)));
        yield entries.toString();
      }
      default -> value.toString();
    };
  }

  static boolean accepts(Constraint constraint, String text) {
    State state = constraint.advance(constraint.start(), text.getBytes(StandardCharsets.UTF_8));
    return state != null && state.isComplete();
  }
}
