package dev.krait.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What Python says about values: truth, equality, order, iteration.
final class Values {
  private Values() {}

  /// A copy of a JSON value that a template may keep and change.
  static Object of(@Nullable Object value) {
    return switch (value) {
      case null -> None.NONE;
      case Integer number -> number.longValue();
      case BigInteger number when number.bitLength() < Long.SIZE -> number.longValue();
      case Map<?, ?> map -> {
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach((key, item) -> copy.put(String.valueOf(key), of(item)));
        yield copy;
      }
      case Collection<?> list -> {
        List<Object> copy = new ArrayList<>(list.size());
        list.forEach(item -> copy.add(of(item)));
        yield copy;
      }
      default -> value;
    };
  }

  static String type(@Nullable Object value) {
    return switch (value) {
      case null -> "undefined";
      case None _ -> "None";
      case Boolean _ -> "bool";
      case Number number -> isInteger(number) ? "int" : "float";
      case String _ -> "str";
      case Map<?, ?> _ -> "dict";
      case Tuple _ -> "tuple";
      case Collection<?> _ -> "list";
      case Loop _ -> "loop";
      case Invocable _ -> "function";
      default -> value.getClass().getSimpleName();
    };
  }

  static boolean isInteger(@Nullable Object value) {
    return value instanceof Long || value instanceof Integer || value instanceof BigInteger;
  }

  static boolean truth(@Nullable Object value) {
    return switch (value) {
      case null -> false;
      case None _ -> false;
      case Boolean truth -> truth;
      case Number number -> number.doubleValue() != 0;
      case String text -> !text.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case Collection<?> list -> !list.isEmpty();
      default -> true;
    };
  }

  static boolean equal(@Nullable Object a, @Nullable Object b) {
    Budget budget = Budget.current();
    budget.enter();
    boolean equal;
    if (a instanceof String text && b instanceof String other) {
      budget.text(text.length());
      equal = text.equals(other);
    } else if (isNumeric(a) && isNumeric(b)) {
      equal = compare(a, b) == 0;
    } else if (a instanceof Collection<?> list && b instanceof Collection<?> other) {
      equal = list.size() == other.size() && list instanceof Tuple == other instanceof Tuple;
      Iterator<?> items = other.iterator();
      for (Object item : list) {
        equal = equal && equal(item, items.next());
      }
    } else if (a instanceof Map<?, ?> map && b instanceof Map<?, ?> other) {
      equal = map.size() == other.size();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        Object key = entry.getKey();
        equal = equal && other.containsKey(key) && equal(entry.getValue(), other.get(key));
      }
    } else {
      equal = Objects.equals(a, b); // None, undefined and what has no values
    }
    budget.leave();
    return equal;
  }

  static int compare(@Nullable Object a, @Nullable Object b) {
    if (a instanceof String text && b instanceof String other) {
      Budget.current().text(text.length());
      return text.compareTo(other);
    }
    if (!isNumeric(a) || !isNumeric(b)) {
      throw TemplateException.evaluation("cannot compare " + type(a) + " with " + type(b));
    }
    if (a instanceof BigInteger || b instanceof BigInteger) {
      return exact(a).compareTo(exact(b));
    }
    return isInteger(a) && isInteger(b)
        ? Long.compare(integer(a), integer(b))
        : Double.compare(number(a), number(b));
  }

  private static BigDecimal exact(@Nullable Object number) {
    return number instanceof BigInteger whole
        ? new BigDecimal(whole)
        : isInteger(number) ? BigDecimal.valueOf(integer(number)) : finite(number(number));
  }

  private static BigDecimal finite(double number) {
    if (!Double.isFinite(number)) {
      throw TemplateException.evaluation("cannot compare an int above 64 bits with " + number);
    }
    return new BigDecimal(number);
  }

  /// Refuses what is not a number; a bool counts as one in Python, but not here.
  static void numbers(String operation, @Nullable Object a, @Nullable Object b) {
    if (!(a instanceof Number) || !(b instanceof Number)) {
      throw TemplateException.evaluation(
          type(a) + " " + operation + " " + type(b) + " (expected: two numbers)");
    }
  }

  static boolean isNumeric(@Nullable Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  static double number(@Nullable Object value) {
    return switch (value) {
      case Number number -> number.doubleValue() + 0.0;
      case Boolean truth -> truth ? 1 : 0;
      case null, default -> throw TemplateException.evaluation(type(value) + " is not a number");
    };
  }

  /// A whole number that is computed with; those of more than 64 bits are only printed and
  /// compared.
  static long integer(@Nullable Object value) {
    if (value instanceof BigInteger) {
      throw TemplateException.evaluation("an int above 64 bits");
    }
    if (isInteger(value)) {
      return ((Number) Objects.requireNonNull(value)).longValue();
    }
    throw TemplateException.evaluation(type(value) + " is not an int");
  }

  static String text(@Nullable Object value) {
    if (value instanceof String text) {
      return text;
    }
    throw TemplateException.evaluation(type(value) + " is not a str");
  }

  /// The items that a loop sees: keys of a dict, characters of a text, nothing of an undefined.
  static List<@Nullable Object> items(@Nullable Object value) {
    List<@Nullable Object> items = new ArrayList<>();
    switch (value) {
      case null -> {}
      case Map<?, ?> map -> items.addAll(map.keySet());
      case Collection<?> list -> items.addAll(list);
      case String text -> {
        Budget.current().work(2L * text.length());
        text.codePoints().forEach(c -> items.add(Character.toString(c)));
      }
      default -> throw TemplateException.evaluation(type(value) + " is not iterable");
    }
    Budget.current().work(1 + items.size());
    return items;
  }

  static long size(@Nullable Object value) {
    return switch (value) {
      case null -> 0;
      case Map<?, ?> map -> map.size();
      case Collection<?> list -> list.size();
      case String text -> {
        Budget.current().text(text.length());
        yield text.codePointCount(0, text.length());
      }
      default -> throw TemplateException.evaluation(type(value) + " has no length");
    };
  }

  /// A part of a text, counted in characters of Unicode.
  private static String part(String text, int from, int to) {
    int start = text.offsetByCodePoints(0, from);
    return text.substring(start, text.offsetByCodePoints(start, to - from));
  }

  static boolean contains(@Nullable Object container, @Nullable Object item) {
    if (container instanceof String text) {
      Budget.current().search(text, text(item));
      return text.contains(text(item));
    }
    if (container instanceof Map<?, ?> map) {
      return isKey(item) && map.containsKey(key(item));
    }
    return items(container).stream().anyMatch(other -> equal(other, item));
  }

  /// `base.name`: methods come before the entries of a dict; null where there is none.
  static @Nullable Object attribute(@Nullable Object base, String name) {
    if (base == null || base instanceof Loop) {
      return base instanceof Loop loop ? loop.attribute(name) : null;
    }
    if (name.matches("\\d{1,9}")) {
      return element(base, Long.parseLong(name));
    }
    Invocable method = Methods.bound(base, name);
    return switch (base) {
      case Object _ when method != null -> method;
      case Map<?, ?> map -> map.get(name);
      case Tuple.Group group -> group.attribute(name);
      default -> null;
    };
  }

  /// `base[key]`: the entries of a dict come before its methods; null where there is none.
  static @Nullable Object element(Object base, Object key) {
    if (base instanceof Map<?, ?> map && map.containsKey(key)) {
      return map.get(key);
    }
    if (key instanceof String name) {
      return base instanceof Map ? Methods.bound(base, name) : attribute(base, name);
    }
    return switch (base) {
      case List<?> list -> {
        int index = index(integer(key), list.size());
        yield index < 0 ? null : list.get(index);
      }
      case String text -> {
        int index = index(integer(key), (int) size(text));
        yield index < 0 ? null : part(text, index, index + 1);
      }
      default -> null;
    };
  }

  private static int index(long index, int size) {
    long from = index < 0 ? index + size : index;
    return from < 0 || from >= size ? -1 : (int) from;
  }

  /// What a filter's `attribute` names: a path of names and indexes, or one index.
  static @Nullable Object path(@Nullable Object base, @Nullable Object path) {
    if (isInteger(path)) {
      return base == null ? null : element(base, integer(path));
    }
    Object value = base;
    Budget.current().work(text(path).length());
    for (String part : text(path).split("\\.", -1)) {
      if (value == null) {
        throw TemplateException.evaluation("undefined has no " + part);
      }
      value = element(value, part.matches("\\d{1,9}") ? Long.parseLong(part) : part);
    }
    return value;
  }

  static boolean isKey(@Nullable Object key) {
    return key instanceof String || isInteger(key);
  }

  /// A key of a dict.
  static Object key(@Nullable Object key) {
    if (!isKey(key)) {
      // a float or a bool would equal an int
      throw TemplateException.evaluation("a key is " + type(key) + " (expected: str or int)");
    }
    return isInteger(key) ? integer(key) : text(key);
  }

  /// `value[start:end:step]`, None where a bound is not given, with Python's clamping.
  static Object slice(
      @Nullable Object value, @Nullable Object start, @Nullable Object end, @Nullable Object by) {
    if (!(value instanceof String || value instanceof List)) {
      throw TemplateException.evaluation(type(value) + " has no slices");
    }
    int size = (int) size(value);
    long step = by == None.NONE ? 1 : integer(by);
    if (step == 0) {
      throw TemplateException.evaluation("a slice has step 0");
    }
    int least = step > 0 ? 0 : -1;
    int most = step > 0 ? size : size - 1;
    int from = bound(start, size, step > 0 ? least : most, least, most);
    int to = bound(end, size, step > 0 ? most : least, least, most);
    if (step == 1 && value instanceof String text) {
      Budget.current().text(Math.max(0, to - from));
      return part(text, from, Math.max(from, to));
    }
    List<@Nullable Object> items = items(value);
    List<@Nullable Object> kept = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      kept.add(items.get((int) i));
    }
    return value instanceof String
        ? TextMethods.join("", kept)
        : value instanceof Tuple ? new Tuple(kept) : kept;
  }

  private static int bound(@Nullable Object bound, int size, int otherwise, int least, int most) {
    if (bound == None.NONE) {
      return otherwise;
    }
    long index = integer(bound);
    return Math.clamp(index < 0 ? index + size : index, least, most);
  }
}
