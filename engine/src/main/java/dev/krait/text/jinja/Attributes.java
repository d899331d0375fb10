package dev.krait.text.jinja;

import java.util.List;
import java.util.Map;

/// Looks up attributes and items the way Jinja does: `a.b` tries methods first, `a['b']` items
/// first; what is not there is undefined.
final class Attributes {
  private Attributes() {}

  static Object attribute(Object target, String name, Budget budget) {
    if (target instanceof Undefined undefined) {
      throw undefined.use();
    }
    if (Methods.has(target, name)) {
      return (Callable) arguments -> Methods.call(target, name, arguments, budget);
    }
    return switch (target) {
      case Map<?, ?> map -> entry(map, name);
      case Namespace namespace -> namespace.get(name);
      case Loop loop -> loop.get(name);
      default -> missing(target, name);
    };
  }

  static Object item(Object target, Object key, Budget budget) {
    return switch (target) {
      case Undefined undefined -> throw undefined.use();
      case List<?> list when Values.isInteger(key) -> {
        int index = index(list.size(), Values.integer(key, "index"));
        yield index < 0 ? new Undefined("list index out of range") : list.get(index);
      }
      case String text when Values.isInteger(key) -> {
        int size = text.codePointCount(0, text.length());
        budget.read(text.length());
        int index = index(size, Values.integer(key, "index"));
        yield index < 0
            ? new Undefined("text index out of range")
            : Character.toString(text.codePointAt(text.offsetByCodePoints(0, index)));
      }
      case Map<?, ?> map when isKey(key) && map.containsKey(Values.key(key)) ->
          entry(map, Values.key(key));
      default ->
          key instanceof String name
              ? attribute(target, name, budget)
              : missing(target, new Printer(budget).text(key));
    };
  }

  /// An attribute path as filters take it: `'a.b'`, where numbers are positions.
  static Object path(Object target, Object path, Budget budget) {
    if (!(path instanceof String text)) {
      return item(target, path, budget);
    }
    Object value = target;
    for (String part : text.split("\\.", -1)) {
      budget.step();
      boolean position =
          !part.isEmpty() && part.length() < 10 && part.chars().allMatch(c -> c >= '0' && c <= '9');
      Object key = position ? (Object) Long.valueOf(part) : part;
      value = item(value, key, budget);
    }
    return value;
  }

  private static boolean isKey(Object key) {
    return key instanceof String || key == None.NONE || Values.isNumber(key);
  }

  private static Object entry(Map<?, ?> map, Object key) {
    Object value = map.get(key);
    return value == null ? missing(map, key.toString()) : value;
  }

  private static Undefined missing(Object target, String name) {
    return new Undefined(
        "'" + Values.typeName(target) + " object' has no attribute '" + name + "'");
  }

  private static int index(int size, int index) {
    int fromStart = index < 0 ? size + index : index;
    return fromStart >= 0 && fromStart < size ? fromStart : -1;
  }
}
