package dev.krait.template;

import java.util.List;
import java.util.Map;

/// Python's `tuple`.
///
/// @param names those of its items that have a name, as in what `groupby` gives
record Tuple(List<Object> items, Map<String, Object> names) {
  Tuple(List<Object> items) {
    this(items, Map.of());
  }

  static Tuple of(Object... items) {
    return new Tuple(List.of(items));
  }
}
