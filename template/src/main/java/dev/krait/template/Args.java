package dev.krait.template;

import java.util.List;
import java.util.Map;

/// The values that a call gives, in Python's order.
record Args(List<Object> positional, Map<String, Object> named) {
  static final Args NONE = new Args(List.of(), Map.of());

  static Args of(Object... positional) {
    return new Args(List.of(positional), Map.of());
  }

  /// These without the first positional ones.
  Args from(int first) {
    return new Args(positional.subList(first, positional.size()), named);
  }
}
