package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// JSON values as plain Java, for schemas and their instances: objects keep their order and numbers
/// their digits.
public final class SchemaJson {
  private static final int MAX_DEPTH = 128;
  private static final int MAX_NUMBER = 400;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_DEPTH)
                          .maxNumberLength(MAX_NUMBER)
                          .build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();

  private SchemaJson() {}

  /// A value of Map, List, String, Number, Boolean or null.
  ///
  /// @throws EngineException with INVALID_ARGUMENT and the name when it is not strict JSON
  public static @Nullable Object read(String name, String text) {
    try {
      return MAPPER.readValue(text, Object.class);
    } catch (JacksonException e) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          name,
          name
              + ": malformed JSON: "
              + EngineException.shown(String.valueOf(e.getOriginalMessage()).split("\n", 2)[0]),
          e);
    }
  }

  /// A value with a blank behind commas and colons, and characters beyond ASCII as they are.
  public static String write(@Nullable Object value) {
    return switch (value) {
      case null -> "null";
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
      case String text -> MAPPER.writeValueAsString(text);
      default -> value.toString();
    };
  }
}
