package dev.krait.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What Python knows of every value: type, truth, equality, order.
///
/// A value is [None], [Undefined], Boolean, Long (or BigInteger beyond it), Double, String, List (a
/// [Tuple] too), Map, [Namespace], [Loop] or [Callable]. Values from JSON are copied on entry, so
/// nothing that a template holds can be cyclic or change.
final class Values {
  private static final BigInteger LONG_MIN = BigInteger.valueOf(Long.MIN_VALUE);
  private static final BigInteger LONG_MAX = BigInteger.valueOf(Long.MAX_VALUE);

  private Values() {}

  /// Copies a JSON value: maps, lists, texts, numbers, booleans and null.
  static Object fromJson(@Nullable Object json, Budget budget) {
    budget.enter();
    budget.step();
    Object value =
        switch (json) {
          case null -> None.NONE;
          case String text -> text;
          case Boolean flag -> flag;
          case BigInteger number -> integer(number);
          case Double number -> number;
          case Float number -> (double) number;
          case BigDecimal number -> number.doubleValue();
          case Number number -> number.longValue();
          case Map<?, ?> map -> {
            Map<Object, Object> copy = LinkedHashMap.newLinkedHashMap(map.size());
            map.forEach((key, item) -> copy.put(String.valueOf(key), fromJson(item, budget)));
            yield copy;
          }
          case Iterable<?> items -> {
            List<Object> copy = new ArrayList<>();
            items.forEach(item -> copy.add(fromJson(item, budget)));
            yield copy;
          }
          default -> throw new IllegalArgumentException("not JSON: " + json.getClass());
        };
    budget.leave();
    return value;
  }

  /// The smallest representation of a whole number.
  static Object integer(BigInteger number) {
    boolean fits = number.compareTo(LONG_MIN) >= 0 && number.compareTo(LONG_MAX) <= 0;
    return fits ? (Object) number.longValue() : number;
  }

  static boolean truth(Object value) {
    return switch (value) {
      case None none -> false;
      case Undefined undefined -> false;
      case Boolean flag -> flag;
      case Long number -> number != 0;
      case BigInteger number -> number.signum() != 0;
      case Double number -> number != 0;
      case String text -> !text.isEmpty();
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      default -> true;
    };
  }

  static String typeName(Object value) {
    return switch (value) {
      case None none -> "NoneType";
      case Undefined undefined -> "Undefined";
      case Boolean flag -> "bool";
      case Long number -> "int";
      case BigInteger number -> "int";
      case Double number -> "float";
      case String text -> "str";
      case Tuple tuple -> "tuple";
      case List<?> list -> "list";
      case Map<?, ?> map -> "dict";
      case Namespace namespace -> "namespace";
      case Loop loop -> "loop";
      default -> "function";
    };
  }

  static boolean isNumber(Object value) {
    return value instanceof Long
        || value instanceof Double
        || value instanceof BigInteger
        || value instanceof Boolean;
  }

  static boolean isInteger(Object value) {
    return isNumber(value) && !(value instanceof Double);
  }

  static BigInteger big(Object number) {
    return switch (number) {
      case Long value -> BigInteger.valueOf(value);
      case BigInteger value -> value;
      case Boolean value -> value ? BigInteger.ONE : BigInteger.ZERO;
      default -> throw new IllegalArgumentException("not whole: " + number);
    };
  }

  static double real(Object number) {
    return number instanceof Double value ? value : big(number).doubleValue();
  }

  /// The text that an argument must be.
  static String text(Object value, String callee) {
    return switch (value) {
      case String text -> text;
      case Undefined undefined -> throw undefined.use();
      default -> throw wrongType(callee, "a text", value);
    };
  }

  /// The index or count that an argument must be.
  static int integer(Object value, String callee) {
    if (value instanceof Undefined undefined) {
      throw undefined.use();
    }
    if (!isInteger(value)) {
      throw wrongType(callee, "a whole number", value);
    }
    return big(value)
        .max(BigInteger.valueOf(Integer.MIN_VALUE))
        .min(BigInteger.valueOf(Integer.MAX_VALUE))
        .intValue();
  }

  static TemplateException wrongType(String callee, String expected, Object value) {
    return TemplateException.evaluation(
        callee + ": " + typeName(value) + " (expected: " + expected + ")");
  }

  static boolean equal(Object left, Object right, Budget budget) {
    budget.step();
    if (isNumber(left) && isNumber(right)) {
      return compareNumbers(left, right) == 0;
    }
    return switch (left) {
      case String text -> {
        budget.read(text.length());
        yield text.equals(right);
      }
      case List<?> list ->
          right instanceof List<?> other
              && list instanceof Tuple == other instanceof Tuple
              && equalLists(list, other, budget);
      case Map<?, ?> map -> right instanceof Map<?, ?> other && equalMaps(map, other, budget);
      case Undefined undefined -> right instanceof Undefined;
      default -> left.equals(right);
    };
  }

  private static boolean equalLists(List<?> left, List<?> right, Budget budget) {
    if (left.size() != right.size()) {
      return false;
    }
    budget.enter();
    boolean equal = true;
    for (int i = 0; i < left.size() && equal; i++) {
      equal = equal(left.get(i), right.get(i), budget);
    }
    budget.leave();
    return equal;
  }

  private static boolean equalMaps(Map<?, ?> left, Map<?, ?> right, Budget budget) {
    if (left.size() != right.size()) {
      return false;
    }
    budget.enter();
    boolean equal = true;
    for (Map.Entry<?, ?> entry : left.entrySet()) {
      Object other = right.get(entry.getKey());
      equal =
          equal && other != null && equal(Objects.requireNonNull(entry.getValue()), other, budget);
    }
    budget.leave();
    return equal;
  }

  /// Orders two values as `<` does; fails for values without an order.
  static int compare(Object left, Object right, Budget budget) {
    budget.step();
    if (isNumber(left) && isNumber(right)) {
      return compareNumbers(left, right);
    }
    if (left instanceof String a && right instanceof String b) {
      budget.read(Math.min(a.length(), b.length()));
      return compareTexts(a, b);
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      return compareLists(a, b, budget);
    }
    throw TemplateException.evaluation(
        "'" + typeName(left) + "' and '" + typeName(right) + "' have no order");
  }

  private static int compareLists(List<?> left, List<?> right, Budget budget) {
    budget.enter();
    int order = 0;
    for (int i = 0; i < Math.min(left.size(), right.size()) && order == 0; i++) {
      if (!equal(left.get(i), right.get(i), budget)) {
        order = compare(left.get(i), right.get(i), budget);
      }
    }
    budget.leave();
    return order != 0 ? order : Integer.compare(left.size(), right.size());
  }

  private static int compareNumbers(Object left, Object right) {
    if (left instanceof Double || right instanceof Double) {
      double a = real(left);
      double b = real(right);
      if (Double.isNaN(a) || Double.isNaN(b)) {
        return 1;
      }
      return a < b ? -1 : a == b ? 0 : 1;
    }
    if (left instanceof Long a && right instanceof Long b) {
      return Long.compare(a, b);
    }
    return big(left).compareTo(big(right));
  }

  /// By code points, as Python orders texts.
  private static int compareTexts(String left, String right) {
    int at = 0;
    int end = Math.min(left.length(), right.length());
    while (at < end && left.charAt(at) == right.charAt(at)) {
      at++;
    }
    if (at == end) {
      return Integer.compare(left.length(), right.length());
    }
    boolean surrogates =
        Character.isSurrogate(left.charAt(at)) != Character.isSurrogate(right.charAt(at));
    if (surrogates) {
      return Character.isSurrogate(left.charAt(at)) ? 1 : -1;
    }
    return Character.compare(left.charAt(at), right.charAt(at));
  }

  /// The items that a loop over the value sees; fails for values that have none.
  static List<Object> items(Object value, Budget budget) {
    return switch (value) {
      case Undefined undefined -> List.of();
      case String text -> {
        budget.work(text.length());
        List<Object> characters = new ArrayList<>();
        text.codePoints().forEach(point -> characters.add(Character.toString(point)));
        yield characters;
      }
      case List<?> list -> asItems(list);
      case Map<?, ?> map -> {
        budget.work(map.size());
        yield new ArrayList<>(map.keySet());
      }
      default ->
          throw TemplateException.evaluation("'" + typeName(value) + "' object is not iterable");
    };
  }

  @SuppressWarnings("unchecked") // lists inside the engine hold values only
  private static List<Object> asItems(List<?> list) {
    return (List<Object>) list;
  }

  /// A value as a key of a map.
  static Object key(Object value) {
    return switch (value) {
      case String text -> text;
      case Long number -> number;
      case Boolean flag -> flag;
      case None none -> none;
      case BigInteger number -> number;
      case Double number -> number;
      default ->
          throw TemplateException.evaluation("'" + typeName(value) + "' cannot be a key of a dict");
    };
  }

  static boolean contains(Object container, Object item, Budget budget) {
    return switch (container) {
      case String text -> {
        String part = text(item, "in");
        budget.search(text.length(), part.length());
        yield text.contains(part);
      }
      case Map<?, ?> map -> map.containsKey(key(item));
      case List<?> list -> {
        for (Object element : asItems(list)) {
          if (equal(element, item, budget)) {
            yield true;
          }
        }
        yield false;
      }
      case Undefined undefined -> false;
      default ->
          throw TemplateException.evaluation(
              "'" + typeName(container) + "' object is not a container");
    };
  }
}
