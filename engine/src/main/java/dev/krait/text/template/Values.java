package dev.krait.text.template;

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
      case Collection<?> _ -> "list";
      default -> value.getClass().getSimpleName();
    };
  }

  static boolean isInteger(@Nullable Object value) {
    return value instanceof Long || value instanceof Integer;
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
      equal = list.size() == other.size();
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
    return isInteger(a) && isInteger(b)
        ? Long.compare(integer(a), integer(b))
        : Double.compare(number(a), number(b));
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

  static long integer(@Nullable Object value) {
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
      case String text -> text.codePoints().forEach(c -> items.add(Character.toString(c)));
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
      return item instanceof String && map.containsKey(item);
    }
    return items(container).stream().anyMatch(other -> equal(other, item));
  }

  /// An attribute or element, null where there is none.
  static @Nullable Object attribute(@Nullable Object base, String name) {
    return switch (base) {
      case Loop loop -> loop.attribute(name);
      case Map<?, ?> map -> map.get(name);
      case List<?> list -> element(list, name);
      case String text -> {
        int size = (int) size(text);
        int index = index(name, size);
        yield index < 0 || index >= size ? null : part(text, index, index + 1);
      }
      case null, default -> null;
    };
  }

  private static @Nullable Object element(List<?> list, String name) {
    int index = index(name, list.size());
    return index < 0 || index >= list.size() ? null : list.get(index);
  }

  private static int index(String name, int size) {
    if (!name.matches("-?\\d{1,9}")) {
      return -1;
    }
    int index = Integer.parseInt(name);
    return index < 0 ? index + size : index;
  }

  /// `value[start:end]` with Python's clamping.
  static Object slice(@Nullable Object value, @Nullable Object start, @Nullable Object end) {
    int size = (int) size(value);
    int from = bound(start, size, 0);
    int to = Math.max(from, bound(end, size, size));
    Budget.current().text(to - from);
    return switch (value) {
      case String text -> part(text, from, to);
      case List<?> list -> new ArrayList<>(list.subList(from, to));
      case null, default -> throw TemplateException.evaluation(type(value) + " has no slices");
    };
  }

  private static int bound(@Nullable Object bound, int size, int otherwise) {
    if (bound == null || bound == None.NONE) {
      return otherwise;
    }
    long index = integer(bound);
    return Math.clamp(index < 0 ? index + size : index, 0, size);
  }
}
