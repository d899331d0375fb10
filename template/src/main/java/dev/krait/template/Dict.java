package dev.krait.template;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Python's `dict`: in the order of insertion, with keys that are equal as in Python, where 1, 1.0
/// and True are one key. It does not change once it is made.
final class Dict {
  private final Map<Object, Object> values = new LinkedHashMap<>();

  /// The keys that look different from what they are looked up by.
  private final Map<Object, Object> shown = new HashMap<>();

  static Dict of(Map<?, ?> entries) {
    Dict dict = new Dict();
    entries.forEach(dict::put);
    return dict;
  }

  /// Only while the dict is made.
  void put(Object key, Object value) {
    Object hashed = hashed(key);
    if (!hashed.equals(key) && !values.containsKey(hashed)) {
      shown.put(hashed, key);
    }
    values.put(hashed, value);
  }

  @Nullable Object get(Object key) {
    return values.get(hashed(key));
  }

  int size() {
    return values.size();
  }

  List<Object> keys() {
    return values.keySet().stream().<Object>map(key -> shown.getOrDefault(key, key)).toList();
  }

  List<Object> values() {
    return List.copyOf(values.values());
  }

  List<Object> items() {
    return values.entrySet().stream()
        .<Object>map(
            entry -> Tuple.of(shown.getOrDefault(entry.getKey(), entry.getKey()), entry.getValue()))
        .toList();
  }

  /// What equal keys have in common.
  static Object hashed(Object key) {
    return switch (key) {
      case String text -> text;
      case Markup markup -> markup.text();
      case Boolean truth -> truth ? 1L : 0L;
      case Double number when number % 1 == 0 -> Numbers.of(Numbers.exact(number).toBigInteger());
      case Tuple tuple -> new Tuple(tuple.items().stream().map(Dict::hashed).toList());
      case List<?> _, Dict _, Slice _ ->
          throw TemplateException.evaluation("unhashable type: '" + Values.type(key) + "'");
      default -> key;
    };
  }

  /// What `keys()`, `values()` and `items()` give.
  record View(String type, List<Object> items) {}
}
