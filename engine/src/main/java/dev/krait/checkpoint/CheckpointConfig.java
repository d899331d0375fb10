package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A typed reader over the object in a configuration file. A null value counts as absent.
///
/// Every missing or odd value is an INVALID_CHECKPOINT error that names file, key, value and
/// expectation.
public final class CheckpointConfig {
  private static final long MAX_BYTES = 16L << 20;
  private static final int MAX_DEPTH = 64;

  private final String file;
  private final String path;
  private final JsonNode object;

  private CheckpointConfig(String file, String path, JsonNode object) {
    this.file = file;
    this.path = path;
    this.object = object;
  }

  /// Reads a file; `Infinity` and `NaN`, which real files hold, are numbers.
  ///
  /// @throws EngineException NOT_FOUND when there is none, INVALID_CHECKPOINT when it is not a JSON
  ///   object
  public static CheckpointConfig read(Path file) {
    return readIfPresent(file)
        .orElseThrow(() ->
            new EngineException(
                ErrorCode.NOT_FOUND, file + ": no such file (expected: a checkpoint folder)"));
  }

  /// Reads a file if it is there.
  public static Optional<CheckpointConfig> readIfPresent(Path file) {
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      long bytes = Files.size(file);
      if (bytes > MAX_BYTES) {
        throw EngineException.invalidCheckpoint(
            file + ": " + bytes + " bytes (expected: at most " + MAX_BYTES + ")");
      }
      return Optional.of(parse(file.toString(), Files.readAllBytes(file)));
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.INVALID_CHECKPOINT, file + ": cannot be read: " + failure, failure);
    }
  }

  private static CheckpointConfig parse(String file, byte[] bytes) {
    JsonNode root = Json.read(file, bytes, MAX_DEPTH);
    if (!root.isObject()) {
      throw EngineException.invalidCheckpoint(
          file + ": " + root.getNodeType() + " (expected: a JSON object)");
    }
    return new CheckpointConfig(file, "", root);
  }

  /// Bounded, lenient JSON reading, shared with the headers of tensor files.
  static final class Json {
    private Json() {}

    static JsonNode read(String file, byte[] bytes, int maxDepth) {
      StreamReadConstraints limits =
          StreamReadConstraints.builder().maxNestingDepth(maxDepth).maxNumberLength(64).build();
      JsonFactory factory = JsonFactory.builder().streamReadConstraints(limits).build();
      JsonMapper mapper =
          JsonMapper.builder(factory)
              .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
              .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
              .build();
      try {
        return mapper.readTree(bytes);
      } catch (JacksonException failure) {
        var at = failure.getLocation();
        throw new EngineException(
            ErrorCode.INVALID_CHECKPOINT,
            file
                + ": line "
                + at.getLineNr()
                + ", column "
                + at.getColumnNr()
                + ": "
                + failure.getOriginalMessage()
                + " (expected: JSON)",
            failure);
      }
    }
  }

  /// The file that the values come from.
  public String file() {
    return file;
  }

  /// True when the key is there and not null.
  public boolean has(String key) {
    JsonNode value = object.get(key);
    return value != null && !value.isNull();
  }

  /// True when the value is a string.
  public boolean isText(String key) {
    return has(key) && value(key).isString();
  }

  private JsonNode value(String key) {
    if (!has(key)) {
      throw EngineException.invalidCheckpoint(file + ": " + path + key + " is missing");
    }
    return object.get(key);
  }

  private EngineException odd(String key, String expected) {
    return EngineException.invalidCheckpoint(
        file + ": " + path + key + ": " + value(key) + " (expected: " + expected + ")");
  }

  /// A whole number above 0.
  public int positiveInt(String key) {
    JsonNode value = value(key);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.asInt() <= 0) {
      throw odd(key, "a whole number from 1 to " + Integer.MAX_VALUE);
    }
    return value.asInt();
  }

  /// The same; empty when absent.
  public OptionalInt optionalPositiveInt(String key) {
    return has(key) ? OptionalInt.of(positiveInt(key)) : OptionalInt.empty();
  }

  /// The same; a fallback when absent.
  public int positiveInt(String key, int fallback) {
    return has(key) ? positiveInt(key) : fallback;
  }

  /// A number, which may be infinite; a fallback when absent.
  public double number(String key, double fallback) {
    if (!has(key)) {
      return fallback;
    }
    if (!value(key).isNumber()) {
      throw odd(key, "a number");
    }
    return value(key).asDouble();
  }

  /// True or false; a fallback when absent.
  public boolean flag(String key, boolean fallback) {
    if (!has(key)) {
      return fallback;
    }
    if (!value(key).isBoolean()) {
      throw odd(key, "true or false");
    }
    return value(key).asBoolean();
  }

  /// A string; empty when absent.
  public Optional<String> optionalText(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!isText(key)) {
      throw odd(key, "a string");
    }
    return Optional.of(value(key).asString());
  }

  /// A list of whole numbers; none when absent.
  public List<Integer> ints(String key) {
    List<Integer> values = new ArrayList<>();
    if (has(key)) {
      if (!value(key).isArray()) {
        throw odd(key, "a list of whole numbers");
      }
      for (JsonNode element : value(key)) {
        if (!element.isIntegralNumber() || !element.canConvertToInt()) {
          throw odd(key, "a list of whole numbers");
        }
        values.add(element.asInt());
      }
    }
    return values;
  }

  /// One whole number or a list of them; none when absent.
  public List<Integer> intOrInts(String key) {
    if (has(key) && value(key).isIntegralNumber() && value(key).canConvertToInt()) {
      return List.of(value(key).asInt());
    }
    return ints(key);
  }

  /// A list of numbers, which may be infinite; none when absent.
  public List<Double> numbers(String key) {
    List<Double> values = new ArrayList<>();
    if (has(key)) {
      for (JsonNode element : value(key)) {
        if (!element.isNumber()) {
          throw odd(key, "a list of numbers");
        }
        values.add(element.asDouble());
      }
    }
    return values;
  }

  /// A list of strings; none when absent.
  public List<String> texts(String key) {
    List<String> values = new ArrayList<>();
    if (has(key)) {
      for (JsonNode element : value(key)) {
        if (!element.isString()) {
          throw odd(key, "a list of strings");
        }
        values.add(element.asString());
      }
    }
    return values;
  }

  /// A nested object; empty when absent.
  public Optional<CheckpointConfig> object(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!value(key).isObject()) {
      throw odd(key, "an object");
    }
    return Optional.of(new CheckpointConfig(file, path + key + ".", value(key)));
  }
}
