package dev.krait.server.openai;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The fields of one JSON object, read by type. `null` counts as absent. Numbers are taken as vLLM
/// takes them: 4, 4.0 and `"4"` are the same whole number. Nothing else is coerced: 1 is no
/// boolean.
public final class JsonFields {
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?[0-9]{1,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?");

  /// Digits of the largest integer of 64 bits.
  private static final int LONG_DIGITS = 19;

  private final JsonNode object;
  private final String prefix;
  private final Set<String> known = new HashSet<>();

  /// Wraps an object.
  ///
  /// @param prefix path of the object, with a dot at its end, for messages
  public JsonFields(JsonNode object, String prefix) {
    this.object = object;
    this.prefix = prefix;
  }

  /// Names that nobody asked for.
  public Set<String> unknown() {
    Set<String> names = new TreeSet<>();
    object.propertyNames().forEach(names::add);
    names.removeAll(known);
    return names;
  }

  /// The object itself.
  public JsonNode node() {
    return object;
  }

  /// Path of a field, for messages.
  public String path(String name) {
    return prefix + name;
  }

  /// A field that is present and not null.
  public Optional<JsonNode> find(String name) {
    known.add(name);
    JsonNode value = object.get(name);
    return value == null || value.isNull() ? Optional.empty() : Optional.of(value);
  }

  /// Marks fields that are accepted and have no effect.
  public void accept(String... names) {
    known.addAll(List.of(names));
  }

  /// Text.
  public Optional<String> text(String name) {
    return find(name).map(value -> textOf(value, path(name)));
  }

  /// True or false.
  public Optional<Boolean> bool(String name) {
    return find(name)
        .map(value -> {
          if (!value.isBoolean()) {
            throw EngineException.invalidArgument(path(name), kind(value), "true or false");
          }
          return value.booleanValue();
        });
  }

  /// True or false, with a default.
  public boolean flag(String name, boolean otherwise) {
    return bool(name).orElse(otherwise);
  }

  /// A whole number of 32 bits.
  public OptionalInt integer(String name) {
    Optional<JsonNode> value = find(name);
    return value.isEmpty()
        ? OptionalInt.empty()
        : OptionalInt.of(integerOf(value.get(), path(name)));
  }

  /// A whole number of 64 bits.
  public OptionalLong longInteger(String name) {
    Optional<JsonNode> found = find(name);
    if (found.isEmpty()) {
      return OptionalLong.empty();
    }
    JsonNode value = found.get();
    return OptionalLong.of(
        whole(value)
            .filter(whole -> whole.bitLength() < Long.SIZE)
            .orElseThrow(() ->
                EngineException.invalidArgument(path(name), kind(value), "an integer of 64 bits"))
            .longValue());
  }

  /// A number.
  public OptionalDouble number(String name) {
    Optional<JsonNode> value = find(name);
    return value.isEmpty()
        ? OptionalDouble.empty()
        : OptionalDouble.of(numberOf(value.get(), path(name)));
  }

  /// Another object.
  public Optional<JsonFields> object(String name) {
    return find(name)
        .map(value -> {
          if (!value.isObject()) {
            throw EngineException.invalidArgument(path(name), kind(value), "an object");
          }
          return new JsonFields(value, path(name) + ".");
        });
  }

  /// Names and values of this object, in order.
  public Map<String, JsonNode> entries() {
    Map<String, JsonNode> entries = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      known.add(entry.getKey());
      entries.put(entry.getKey(), entry.getValue());
    }
    return entries;
  }

  /// A list; a single value is no list.
  public Optional<List<JsonNode>> list(String name) {
    return find(name)
        .map(value -> {
          if (!value.isArray()) {
            throw EngineException.invalidArgument(path(name), kind(value), "a list");
          }
          return List.copyOf(value.values());
        });
  }

  /// Fails when a field asks for a feature that is absent.
  ///
  /// @throws EngineException with UNSUPPORTED
  public void refuse(String name, String expected) {
    Optional<JsonNode> value = find(name);
    if (value.isPresent() && !isBlank(value.get())) {
      throw new EngineException(
          ErrorCode.UNSUPPORTED,
          path(name),
          path(name) + ": not supported by this server (expected: " + expected + ")");
    }
  }

  /// Text of a node.
  static String textOf(JsonNode value, String path) {
    if (!value.isString()) {
      throw EngineException.invalidArgument(path, kind(value), "a string");
    }
    return value.stringValue();
  }

  /// Whole number of a node.
  static int integerOf(JsonNode value, String path) {
    return whole(value)
        .filter(whole -> whole.bitLength() < Integer.SIZE)
        .orElseThrow(
            () -> EngineException.invalidArgument(path, kind(value), "an integer of 32 bits"))
        .intValue();
  }

  /// Number of a node.
  static double numberOf(JsonNode value, String path) {
    double number = decimal(value).map(BigDecimal::doubleValue).orElse(Double.NaN);
    if (!Double.isFinite(number)) {
      throw EngineException.invalidArgument(path, kind(value), "a number");
    }
    return number;
  }

  /// The value of a number or of a string that holds one.
  private static Optional<BigDecimal> decimal(JsonNode value) {
    if (value.isString()) {
      String text = value.stringValue().strip();
      return NUMBER.matcher(text).matches() ? Optional.of(new BigDecimal(text)) : Optional.empty();
    }
    return value.isNumber() ? Optional.of(value.decimalValue()) : Optional.empty();
  }

  /// A number without a fraction and of at most so many digits.
  private static Optional<BigInteger> whole(JsonNode value) {
    return decimal(value)
        .filter(number -> number.precision() - number.scale() <= LONG_DIGITS)
        .filter(number -> number.stripTrailingZeros().scale() <= 0)
        .map(BigDecimal::toBigInteger);
  }

  /// Token ids of a list node.
  static TokenIds idsOf(JsonNode list, String path) {
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      String at = path + "[" + i + "]";
      if (!list.get(i).isNumber()) {
        throw EngineException.invalidArgument(at, kind(list.get(i)), "a token id");
      }
      ids[i] = integerOf(list.get(i), at);
    }
    return TokenIds.of(ids);
  }

  /// The value as plain Java: text, Long, BigInteger beyond it, Double, Boolean, List, Map; null
  /// stays null.
  static @Nullable Object plain(JsonNode value) {
    if (value.isString()) {
      return value.stringValue();
    }
    if (value.isBoolean()) {
      return value.booleanValue();
    }
    if (value.isIntegralNumber()) {
      BigInteger whole = value.bigIntegerValue();
      return whole.bitLength() < Long.SIZE ? whole.longValue() : whole;
    }
    if (value.isNumber()) {
      return value.doubleValue();
    }
    if (value.isArray()) {
      List<Object> list = new ArrayList<>(value.size());
      value.values().forEach(item -> addPlain(list, item));
      return list;
    }
    return value.isObject() ? plainMap(value) : null;
  }

  /// An object as a map in order.
  static Map<String, Object> plainMap(JsonNode object) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      putPlain(map, entry.getKey(), entry.getValue());
    }
    return map;
  }

  // Templates read Java's null as none; the maps that they take do not say so in their type.
  @SuppressWarnings("NullAway")
  static void putPlain(Map<String, Object> map, String name, JsonNode value) {
    map.put(name, plain(value));
  }

  @SuppressWarnings("NullAway")
  private static void addPlain(List<Object> list, JsonNode value) {
    list.add(plain(value));
  }

  /// The value for messages: short scalars as they are, else what kind of value it is.
  public static String kind(JsonNode value) {
    if (value.isNumber() || value.isBoolean() || value.isNull()) {
      return value.asString();
    }
    if (value.isString()) {
      String text = value.stringValue();
      return text.length() <= 40 ? "\"" + text + "\"" : "a string of " + text.length();
    }
    return value.isArray() ? "a list" : "an object";
  }

  private static boolean isBlank(JsonNode value) {
    return (value.isBoolean() && !value.booleanValue())
        || (value.isString() && value.stringValue().isEmpty())
        || ((value.isArray() || value.isObject()) && value.isEmpty());
  }
}
