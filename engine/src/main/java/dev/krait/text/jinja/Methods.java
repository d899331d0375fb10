package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// The methods of Python's dicts and lists; those of texts are in [TextMethods]. None changes its
/// object: chat templates run in Python's immutable sandbox too.
final class Methods {
  private static final Set<String> DICT = Set.of("copy", "get", "items", "keys", "values");
  private static final Set<String> LIST = Set.of("copy", "count", "index");

  private Methods() {}

  static boolean has(Object target, String name) {
    return switch (target) {
      case String text -> TextMethods.NAMES.contains(name);
      case Map<?, ?> map -> DICT.contains(name);
      case List<?> list -> LIST.contains(name);
      default -> false;
    };
  }

  static Object call(Object target, String name, CallArguments arguments, Budget budget) {
    budget.step();
    return switch (target) {
      case String text -> new TextMethods(budget).call(text, name, arguments);
      case Map<?, ?> map -> dict(map, name, arguments, budget);
      case List<?> list -> list(list, name, arguments, budget);
      default -> throw new IllegalArgumentException("no method " + name);
    };
  }

  private static Object dict(Map<?, ?> map, String name, CallArguments arguments, Budget budget) {
    budget.work(name.equals("get") ? 1 : map.size());
    return switch (name) {
      case "get" -> {
        Object value = map.get(Values.key(arguments.get(0, "key")));
        yield value == null ? arguments.get(1, "default", None.NONE) : value;
      }
      case "items" -> dictItems(map, budget);
      case "keys" -> new ArrayList<Object>(map.keySet());
      case "values" -> new ArrayList<Object>(map.values());
      default -> map;
    };
  }

  private static Object list(List<?> list, String name, CallArguments arguments, Budget budget) {
    if (name.equals("copy")) {
      return list;
    }
    Object wanted = arguments.get(0, "value");
    long count = 0;
    for (int i = 0; i < list.size(); i++) {
      if (Values.equal(list.get(i), wanted, budget)) {
        if (name.equals("index")) {
          return (long) i;
        }
        count++;
      }
    }
    if (name.equals("index")) {
      throw TemplateException.evaluation("value is not in list");
    }
    return count;
  }

  static List<Object> dictItems(Map<?, ?> map, Budget budget) {
    budget.work(2L * map.size());
    List<Object> items = new ArrayList<>(map.size());
    map.forEach((key, value) ->
        items.add(Tuple.of(Objects.requireNonNull(key), Objects.requireNonNull(value))));
    return items;
  }
}
