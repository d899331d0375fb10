package dev.krait.checkpoint;

import java.util.Map;
import java.util.Objects;

/// Looks up values that a test knows to be there.
final class Named {
  private Named() {}

  static <T> T named(String name, Map<String, T> values) {
    return Objects.requireNonNull(values.get(name), name);
  }
}
