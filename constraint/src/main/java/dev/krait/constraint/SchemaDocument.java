package dev.krait.constraint;

import java.math.BigDecimal;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A document with schemas that refer to each other, and its keywords with their types checked.
final class SchemaDocument {
  private static final int MAX_REFERENCES = 100;

  private final Object root;
  private final Map<String, Object> named = new HashMap<>();

  /// Whether keywords beside `$ref` mean nothing, as before 2019.
  private final boolean referencesStandAlone;

  SchemaDocument(Object root) {
    this.root = root;
    String version =
        root instanceof Map<?, ?> map && map.get("$schema") instanceof String text ? text : "";
    referencesStandAlone = version.matches(".*draft-0[3-7].*");
    ArrayDeque<Object> open = new ArrayDeque<>(List.of(root));
    while (!open.isEmpty()) {
      Object value = open.poll();
      if (value instanceof Map<?, ?> map) {
        for (String keyword : List.of("$id", "id")) {
          if (map.get(keyword) instanceof String id) {
            named.putIfAbsent(withoutEmptyFragment(id), map);
          }
        }
        if (map.get("$anchor") instanceof String anchor) {
          named.putIfAbsent("#" + anchor, map);
        }
      }
      Iterable<?> children =
          value instanceof Map<?, ?> map
              ? map.values()
              : value instanceof List<?> list ? list : List.of();
      for (Object child : children) {
        if (child instanceof Map || child instanceof List) {
          open.add(child);
        }
      }
    }
  }

  private static String withoutEmptyFragment(String id) {
    return id.endsWith("#") ? id.substring(0, id.length() - 1) : id;
  }

  Schema root() {
    return schema("schema", root);
  }

  /// A value of the document that must be a schema; references are followed where they stand alone.
  Schema schema(String keyword, @Nullable Object value) {
    Object at = value;
    for (int i = 0; i < MAX_REFERENCES; i++) {
      if (at instanceof Boolean allowed) {
        return allowed ? Schema.ANY : Schema.NEVER;
      }
      if (!(at instanceof Map<?, ?> node)) {
        throw wrong(keyword, at, "a schema: an object or a boolean");
      }
      if (!(node.get("$ref") instanceof String reference)
          || !(referencesStandAlone || node.size() == 1)) {
        return node.isEmpty() ? Schema.ANY : new Schema.Of(node);
      }
      at = target(reference);
    }
    throw new ConstraintException("$ref", "$ref: references lead in a circle");
  }

  Object target(String reference) {
    String name = withoutEmptyFragment(reference);
    if (name.isEmpty()) {
      return root;
    }
    Object known = named.get(name);
    if (known != null) {
      return known;
    }
    int hash = reference.indexOf('#');
    String document = hash < 0 ? reference : reference.substring(0, hash);
    Object at = document.isEmpty() ? root : named.get(document);
    if (at == null || hash < 0 || !reference.startsWith("/", hash + 1)) {
      throw new ConstraintException(
          "$ref", "$ref: '" + shown(reference) + "' is not in this document");
    }
    String pointer =
        java.net.URLDecoder.decode(
            reference.substring(hash + 2).replace("+", "%2B"),
            java.nio.charset.StandardCharsets.UTF_8);
    for (String step : pointer.split("/", -1)) {
      String key = step.replace("~1", "/").replace("~0", "~");
      if (at instanceof Map<?, ?> map) {
        at = map.get(key);
      } else if (at instanceof List<?> list
          && key.matches("\\d{1,6}")
          && Integer.parseInt(key) < list.size()) {
        at = list.get(Integer.parseInt(key));
      } else {
        at = null;
      }
      if (at == null) {
        throw new ConstraintException(
            "$ref", "$ref: there is nothing at '" + shown(reference) + "'");
      }
    }
    return at;
  }

  boolean referencesStandAlone() {
    return referencesStandAlone;
  }

  static ConstraintException wrong(String keyword, @Nullable Object value, String expected) {
    return new ConstraintException(
        keyword, keyword + ": " + shown(String.valueOf(value)) + " (expected: " + expected + ")");
  }

  private static String shown(String text) {
    return text.length() <= 200 ? text : text.substring(0, 200) + "...";
  }

  /// A keyword that counts; `otherwise` when it is not there.
  static int count(Map<?, ?> node, String keyword, int otherwise) {
    Object value = node.get(keyword);
    if (value == null) {
      return otherwise;
    }
    BigDecimal number = decimal(keyword, value);
    if (number.signum() < 0 || number.stripTrailingZeros().scale() > 0) {
      throw wrong(keyword, value, "an integer from 0");
    }
    return number.compareTo(BigDecimal.valueOf(Integer.MAX_VALUE)) >= 0
        ? otherwise < 0 ? -1 : Integer.MAX_VALUE
        : number.intValue();
  }

  static @Nullable BigDecimal decimal(Map<?, ?> node, String keyword) {
    Object value = node.get(keyword);
    return value == null ? null : decimal(keyword, value);
  }

  static BigDecimal decimal(String keyword, Object value) {
    if (!(value instanceof Number)) {
      throw wrong(keyword, value, "a number");
    }
    BigDecimal number = new BigDecimal(value.toString().toLowerCase(Locale.ROOT));
    if (Math.abs((long) number.scale()) > 400 || number.precision() > 400) {
      throw wrong(keyword, value, "a number of at most 400 digits");
    }
    return number;
  }

  static List<?> list(Map<?, ?> node, String keyword) {
    Object value = node.get(keyword);
    if (value == null) {
      return List.of();
    }
    if (!(value instanceof List<?> list)) {
      throw wrong(keyword, value, "a list");
    }
    return list;
  }

  static Map<?, ?> map(Map<?, ?> node, String keyword) {
    Object value = node.get(keyword);
    if (value == null) {
      return Map.of();
    }
    if (!(value instanceof Map<?, ?> map)) {
      throw wrong(keyword, value, "an object");
    }
    return map;
  }

  static String text(String keyword, @Nullable Object value) {
    if (!(value instanceof String text)) {
      throw wrong(keyword, value, "a string");
    }
    return text;
  }
}
