package dev.krait.template;

import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Python's equality and order.
final class Comparison {
  private Comparison() {}

  static boolean holds(Run run, String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> equal(run, a, b);
      case "!=" -> !equal(run, a, b);
      case "in" -> contains(run, b, a);
      case "not in" -> !contains(run, b, a);
      default -> ordered(run, operator, a, b);
    };
  }

  static boolean equal(Run run, Object a, Object b) {
    run.enter();
    boolean equal = compareEqual(run, a, b);
    run.leave();
    return equal;
  }

  private static boolean compareEqual(Run run, Object a, Object b) {
    String text = string(a);
    if (text != null) {
      run.step(text.length() / 8L);
      return text.equals(string(b));
    }
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return !isNan(a) && !isNan(b) && Numbers.compare(a, b) == 0;
    }
    if (a instanceof Undefined || a instanceof None) {
      return a.getClass() == b.getClass();
    }
    if (a instanceof Dict dict && b instanceof Dict other) {
      return equal(run, dict, other);
    }
    List<?> items = sequence(a);
    List<?> others = sequence(b);
    if (items == null || others == null || !Values.type(a).equals(Values.type(b))) {
      return Objects.equals(a, b);
    }
    boolean equal = items.size() == others.size();
    Iterator<?> next = others.iterator();
    for (Iterator<?> each = items.iterator(); equal && each.hasNext(); ) {
      equal = equal(run, each.next(), next.next());
    }
    return equal;
  }

  private static boolean equal(Run run, Dict dict, Dict other) {
    boolean equal = dict.size() == other.size();
    for (Iterator<Object> each = dict.keys().iterator(); equal && each.hasNext(); ) {
      Object key = each.next();
      Object value = other.get(key);
      equal = value != null && equal(run, Objects.requireNonNull(dict.get(key)), value);
    }
    return equal;
  }

  private static boolean isNan(Object value) {
    return value instanceof Double number && Double.isNaN(number);
  }

  static @Nullable String string(Object value) {
    return value instanceof Markup markup
        ? markup.text()
        : value instanceof String text ? text : null;
  }

  private static @Nullable List<?> sequence(Object value) {
    return switch (value) {
      case List<?> list -> list;
      case Tuple tuple -> tuple.items();
      case Range range -> range.items();
      default -> null;
    };
  }

  private static boolean ordered(Run run, String operator, Object a, Object b) {
    if (isNan(a) || isNan(b)) {
      return false;
    }
    int order = compare(run, operator, a, b);
    return switch (operator) {
      case "<" -> order < 0;
      case "<=" -> order <= 0;
      case ">" -> order > 0;
      default -> order >= 0;
    };
  }

  /// The order of two values for `<` and its like.
  static int compare(Run run, String operator, Object a, Object b) {
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      run.step(1);
      return Numbers.compare(a, b);
    }
    String text = string(a);
    String other = string(b);
    if (text != null && other != null) {
      run.step(1 + Math.min(text.length(), other.length()) / 8L);
      return compare(text, other);
    }
    if ((a instanceof List && b instanceof List) || (a instanceof Tuple && b instanceof Tuple)) {
      return compare(run, operator, Values.list(run, a), Values.list(run, b));
    }
    Operators.defined(a, b);
    throw TemplateException.evaluation(
        "'%s' not supported between instances of '%s' and '%s'"
            .formatted(operator, Values.type(a), Values.type(b)));
  }

  private static int compare(Run run, String operator, List<Object> items, List<Object> others) {
    run.enter();
    for (int i = 0; i < Math.min(items.size(), others.size()); i++) {
      if (!equal(run, items.get(i), others.get(i))) {
        int order = compare(run, operator, items.get(i), others.get(i));
        run.leave();
        return order;
      }
    }
    run.leave();
    return Integer.compare(items.size(), others.size());
  }

  /// By characters of Unicode: those beyond 16 bits are the largest.
  private static int compare(String text, String other) {
    for (int i = 0; i < Math.min(text.length(), other.length()); i++) {
      char a = text.charAt(i);
      char b = other.charAt(i);
      if (a != b) {
        boolean apart = Character.isSurrogate(a) != Character.isSurrogate(b);
        return apart && Math.min(a, b) >= Character.MIN_SURROGATE
            ? Character.isSurrogate(a) ? 1 : -1
            : Character.compare(a, b);
      }
    }
    return Integer.compare(text.length(), other.length());
  }

  static boolean contains(Run run, Object container, Object item) {
    String text = string(container);
    if (text != null) {
      String part = string(item);
      if (part == null) {
        Operators.defined(item);
        throw TemplateException.evaluation(
            "'in <string>' requires string as left operand, not " + Values.type(item));
      }
      run.search(text, part);
      return text.contains(part);
    }
    if (container instanceof Dict dict) {
      return dict.get(item) != null;
    }
    if (!Values.isIterable(run, container)) {
      throw TemplateException.evaluation(
          "argument of type '" + Values.type(container) + "' is not iterable");
    }
    boolean found = false;
    for (Iterator<Object> each = Values.iterate(run, container); !found && each.hasNext(); ) {
      run.step(1);
      found = equal(run, item, each.next());
    }
    return found;
  }
}
