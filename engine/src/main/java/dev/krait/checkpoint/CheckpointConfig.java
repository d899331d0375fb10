package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.DoublePredicate;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Typed values of a JSON object: config.json, mamba_config.json, generation_config.json.
///
/// Values are never converted: a string is no number, `4.0` is no integer. A key that is absent and
/// one that is null are the same. Every error about content is INVALID_CHECKPOINT and names file,
/// key path, value and expectation. Immutable.
public final class CheckpointConfig {
  private static final int MAX_BYTES = 16 << 20;
  private static final String FLOAT_TAG = "__float__";

  /// Largest positive integer: no size of a model is near, and sums of a few stay integers.
  public static final int MAX_SIZE = 1 << 28;

  private static final String SIZE = "an integer from 1 to " + MAX_SIZE;

  private final Path file;
  private final String path;
  private final ObjectNode root;

  private CheckpointConfig(Path file, String path, ObjectNode root) {
    this.file = file;
    this.path = path;
    this.root = root;
  }

  /// Reads a file of at most 16 MiB that holds one JSON object.
  ///
  /// @throws EngineException NOT_FOUND when there is none
  public static CheckpointConfig read(Path file) {
    return new CheckpointConfig(file, "", StrictJson.read(file, MAX_BYTES));
  }

  /// Reads a file; empty when there is none.
  public static Optional<CheckpointConfig> readIfPresent(Path file) {
    return Files.exists(file) ? Optional.of(read(file)) : Optional.empty();
  }

  /// The file that was read, for messages.
  public String file() {
    return file.toString();
  }

  /// True when the key is there and not null.
  public boolean has(String key) {
    return root.hasNonNull(key);
  }

  /// True when the key is there, even if it is null.
  public boolean contains(String key) {
    return root.has(key);
  }

  /// All keys, those that are null too.
  public Set<String> keys() {
    return Set.copyOf(root.propertyNames());
  }

  /// True when the key holds a string.
  public boolean isText(String key) {
    return root.path(key).isString();
  }

  /// An integer from 1 to [#MAX_SIZE].
  public int positiveInt(String key) {
    return required(key, SIZE, this::asPositiveInt);
  }

  /// An integer from 1 to [#MAX_SIZE], or the fallback for an absent key.
  public int positiveInt(String key, int fallback) {
    return optional(key, SIZE, this::asPositiveInt).orElse(fallback);
  }

  /// An integer from 1 to [#MAX_SIZE]; empty for an absent key.
  public OptionalInt optionalPositiveInt(String key) {
    return optional(key, SIZE, this::asPositiveInt)
        .map(OptionalInt::of)
        .orElseGet(OptionalInt::empty);
  }

  /// An integer from 0 to [#MAX_SIZE], or the fallback for an absent key.
  public int count(String key, int fallback) {
    return optional(
            key,
            "an integer from 0 to " + MAX_SIZE,
            node -> asInt(node).filter(value -> value >= 0 && value <= MAX_SIZE))
        .orElse(fallback);
  }

  /// A number, which may be `NaN` or infinite, or the fallback for an absent key.
  public double number(String key, double fallback) {
    return optional(key, "a number", this::asNumber).orElse(fallback);
  }

  /// A number of a range, or the fallback for an absent key.
  ///
  /// @param range true for the numbers that are accepted
  /// @param expected the range in words
  public double number(String key, double fallback, DoublePredicate range, String expected) {
    return optional(key, expected, node -> asNumber(node).filter(range::test)).orElse(fallback);
  }

  /// A number of a range.
  ///
  /// @param range true for the numbers that are accepted
  /// @param expected the range in words
  public double number(String key, DoublePredicate range, String expected) {
    return required(key, expected, node -> asNumber(node).filter(range::test));
  }

  /// A boolean, or the fallback for an absent key.
  public boolean flag(String key, boolean fallback) {
    return optional(key, "true or false", this::asFlag).orElse(fallback);
  }

  /// A string.
  public String text(String key) {
    return required(key, "a string", this::asText);
  }

  /// A string; empty for an absent key.
  public Optional<String> optionalText(String key) {
    return optional(key, "a string", this::asText);
  }

  /// Integers of a list; none for an absent key.
  public List<Integer> ints(String key) {
    return optional(key, "a list of integers", node -> asList(node, this::asInt)).orElse(List.of());
  }

  /// Integers of a list, or a single one as a list; none for an absent key.
  public List<Integer> intOrInts(String key) {
    return optional(
            key,
            "an integer or a list of integers",
            node -> node.isArray() ? asList(node, this::asInt) : asInt(node).map(List::of))
        .orElse(List.of());
  }

  /// Numbers of a list, each of which may be `NaN` or infinite, also as the object `{"__float__":
  /// "Infinity"}` that newer Transformers write; none for an absent key.
  public List<Double> numbers(String key) {
    return optional(key, "a list of numbers", node -> asList(node, this::asNumberOrTag))
        .orElse(List.of());
  }

  /// Strings of a list; none for an absent key.
  public List<String> texts(String key) {
    return optional(key, "a list of strings", node -> asList(node, this::asText)).orElse(List.of());
  }

  /// A nested object, whose errors name the whole path; empty for an absent key.
  public Optional<CheckpointConfig> object(String key) {
    return optional(
        key,
        "an object",
        node ->
            node instanceof ObjectNode object
                ? Optional.of(new CheckpointConfig(file, path + key + ".", object))
                : Optional.empty());
  }

  private <T> T required(String key, String expected, Function<JsonNode, Optional<T>> read) {
    return optional(key, expected, read)
        .orElseThrow(() -> invalid(key, root.has(key) ? "null" : "missing", expected));
  }

  private <T> Optional<T> optional(
      String key, String expected, Function<JsonNode, Optional<T>> read) {
    JsonNode node = root.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return Optional.empty();
    }
    return Optional.of(read.apply(node).orElseThrow(() -> invalid(key, node, expected)));
  }

  /// An INVALID_CHECKPOINT about the value of a key, for a check that this class does not make.
  public EngineException refusal(String key, String expected) {
    JsonNode node = root.path(key);
    return invalid(key, node.isMissingNode() ? "missing" : node, expected);
  }

  /// An INVALID_CHECKPOINT about a value that follows from one or more keys.
  public EngineException invalid(String key, Object value, String expected) {
    return InvalidFile.of(file, path + key, value, expected);
  }

  private Optional<Integer> asInt(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToInt()
        ? Optional.of(node.intValue())
        : Optional.empty();
  }

  private Optional<Integer> asPositiveInt(JsonNode node) {
    return asInt(node).filter(value -> value > 0 && value <= MAX_SIZE);
  }

  private Optional<Double> asNumber(JsonNode node) {
    if (node.isIntegralNumber() || node.isBigDecimal()) {
      double value = node.decimalValue().doubleValue();
      return Double.isInfinite(value) ? Optional.empty() : Optional.of(value);
    }
    // What is left of the floating numbers are the words NaN and Infinity.
    return node.isNumber() ? Optional.of(node.doubleValue()) : Optional.empty();
  }

  private Optional<Double> asNumberOrTag(JsonNode node) {
    JsonNode tag = node.path(FLOAT_TAG);
    if (node.size() != 1 || !tag.isString()) {
      return asNumber(node);
    }
    return switch (tag.stringValue()) {
      case "Infinity" -> Optional.of(Double.POSITIVE_INFINITY);
      case "-Infinity" -> Optional.of(Double.NEGATIVE_INFINITY);
      case "NaN" -> Optional.of(Double.NaN);
      default -> Optional.empty();
    };
  }

  private Optional<Boolean> asFlag(JsonNode node) {
    return node.isBoolean() ? Optional.of(node.booleanValue()) : Optional.empty();
  }

  private Optional<String> asText(JsonNode node) {
    return node.isString() ? Optional.of(node.stringValue()) : Optional.empty();
  }

  private static <T> Optional<List<T>> asList(
      JsonNode node, Function<JsonNode, Optional<T>> element) {
    List<T> values = new ArrayList<>();
    for (JsonNode item : node) {
      element.apply(item).ifPresent(values::add);
    }
    return node.isArray() && values.size() == node.size()
        ? Optional.of(List.copyOf(values))
        : Optional.empty();
  }
}
