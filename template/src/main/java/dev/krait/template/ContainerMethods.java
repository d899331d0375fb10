package dev.krait.template;

import java.util.List;
import java.util.Map;

/// The methods of Python's `dict`, `list` and `tuple` that change nothing.
final class ContainerMethods {
  static final Map<String, Builtin> OF_DICT =
      Map.ofEntries(
          Builtin.entry("get", "key default?", ContainerMethods::get),
          view("keys", Dict::keys),
          view("values", Dict::values),
          view("items", Dict::items),
          Builtin.entry(
              "copy",
              "",
              (run, dict, _) -> {
                run.items(((Dict) dict).size());
                return dict; // no template can tell, because dicts do not change
              }));

  static final Map<String, Builtin> OF_LIST =
      Map.ofEntries(
          Builtin.entry("count", "value", ContainerMethods::count),
          Builtin.entry("index", "value", ContainerMethods::index),
          Builtin.entry("copy", "", (_, list, _) -> list));

  private ContainerMethods() {}

  private static Map.Entry<String, Builtin> view(
      String name, java.util.function.Function<Dict, List<Object>> part) {
    return Builtin.entry(
        name,
        "",
        (run, value, _) -> {
          Dict dict = (Dict) value;
          run.items(dict.size());
          return new Dict.View("dict_" + name, part.apply(dict));
        });
  }

  private static Object get(Run run, Object value, Bound args) {
    Object found = ((Dict) value).get(args.get(0));
    return found == null ? args.get(1, None.NONE) : found;
  }

  private static Object count(Run run, Object value, Bound args) {
    return Values.list(run, value).stream()
        .filter(item -> Comparison.equal(run, item, args.get(0)))
        .count();
  }

  private static Object index(Run run, Object value, Bound args) {
    List<Object> items = Values.list(run, value);
    for (int i = 0; i < items.size(); i++) {
      if (Comparison.equal(run, items.get(i), args.get(0))) {
        return (long) i;
      }
    }
    throw TemplateException.evaluation("a value is not in the " + Values.type(value));
  }
}
