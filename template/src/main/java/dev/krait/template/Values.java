package dev.krait.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What Python says about values: their types, truth, length and items.
///
/// A value is None, a Boolean, a Long or beyond it a BigInteger, a Double, a String, a List, or of
/// a type of this package.
final class Values {
  private Values() {}

  /// A value of Java as a template sees it, with what is in it.
  static Object of(Run run, @Nullable Object value) {
    return switch (value) {
      case null -> None.NONE;
      case String text -> text;
      case Boolean truth -> truth;
      case Long number -> number;
      case Double number -> number;
      case Integer _, Short _, Byte _ -> ((Number) value).longValue();
      case Float number -> Double.parseDouble(number.toString());
      case BigInteger number -> Numbers.of(number);
      case BigDecimal number -> number.doubleValue();
      case Map<?, ?> map -> {
        run.enter();
        run.items(2L * map.size());
        Dict copy = new Dict();
        map.forEach((key, item) -> copy.put(of(run, key), of(run, item)));
        run.leave();
        yield copy;
      }
      case Collection<?> items -> {
        run.enter();
        run.items(items.size());
        List<Object> copy = new ArrayList<>(items.size());
        items.forEach(item -> copy.add(of(run, item)));
        run.leave();
        yield copy;
      }
      default ->
          throw TemplateException.evaluation(
              "a variable holds a "
                  + value.getClass().getName()
                  + " (expected: JSON values: String, Boolean, Number, Map, Collection, null)");
    };
  }

  /// Python's name of a type.
  static String type(Object value) {
    return switch (value) {
      case None _ -> "NoneType";
      case Boolean _ -> "bool";
      case Long _, BigInteger _ -> "int";
      case Double _ -> "float";
      case String _ -> "str";
      case List<?> _ -> "list";
      case Dict _ -> "dict";
      case Dict.View view -> view.type();
      case Generator generator -> generator.type();
      case Loop _ -> "LoopContext";
      case Tuple _, Range _, Slice _ ->
          value.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
      case Undefined _, Markup _, Namespace _, Macro _ -> value.getClass().getSimpleName();
      case Lookup.Method _ -> "builtin_function_or_method";
      default -> "function";
    };
  }

  static boolean truth(Object value) {
    return switch (value) {
      case None _ -> false;
      case Undefined _ -> false;
      case Boolean truth -> truth;
      case Long number -> number != 0;
      case Double number -> number != 0;
      case String text -> !text.isEmpty();
      case Markup markup -> !markup.text().isEmpty();
      case List<?> list -> !list.isEmpty();
      case Tuple tuple -> !tuple.items().isEmpty();
      case Dict dict -> dict.size() > 0;
      case Dict.View view -> !view.items().isEmpty();
      case Range range -> range.size() > 0;
      default -> true;
    };
  }

  /// The items of a sequence or the keys of a dict; null for what has no length.
  static @Nullable List<?> sized(Run run, Object value) {
    return switch (value) {
      case List<?> list -> list;
      case Tuple tuple -> tuple.items();
      case Dict dict -> dict.keys();
      case Dict.View view -> view.items();
      case Range range -> range.items();
      case Undefined _ -> List.of();
      case Markup markup -> sized(run, markup.text());
      case String text -> {
        run.items(text.length());
        yield text.codePoints().mapToObj(Character::toString).toList();
      }
      default -> null;
    };
  }

  static int size(Run run, Object value) {
    if (value instanceof String text) {
      run.step(1 + text.length() / 8L);
      return Chars.count(text);
    }
    if (value instanceof Dict dict) {
      return dict.size();
    }
    if (value instanceof Loop loop) {
      return loop.length(run);
    }
    List<?> items = sized(run, value);
    if (items == null) {
      throw TemplateException.evaluation("object of type '" + type(value) + "' has no len()");
    }
    return items.size();
  }

  static boolean isIterable(Run run, Object value) {
    return value instanceof Iterator || sized(run, value) != null;
  }

  /// The items one by one. Whoever asks for them pays for each.
  static Iterator<Object> iterate(Run run, Object value) {
    if (value instanceof Generator generator) {
      return generator;
    }
    List<?> items = sized(run, value);
    if (items == null) {
      throw TemplateException.evaluation("'" + type(value) + "' object is not iterable");
    }
    return Collections.<Object>unmodifiableList(items).iterator();
  }

  /// A new list of the items.
  static List<Object> list(Run run, Object value) {
    List<Object> list = new ArrayList<>();
    iterate(run, value)
        .forEachRemaining(item -> {
          run.items(1);
          list.add(item);
        });
    return list;
  }
}
