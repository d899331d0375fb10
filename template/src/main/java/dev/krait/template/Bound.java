package dev.krait.template;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Arguments by the position of their parameters.
final class Bound {
  private final @Nullable Object[] values;

  Bound(@Nullable Object[] values) {
    this.values = values;
  }

  /// Whether an argument is given and not None.
  boolean has(int index) {
    return values[index] != null && values[index] != None.NONE;
  }

  Object get(int index) {
    return Objects.requireNonNull(values[index]);
  }

  Object get(int index, Object otherwise) {
    return Objects.requireNonNullElse(values[index], otherwise);
  }

  boolean truth(int index) {
    return Values.truth(get(index, false));
  }

  /// Within the range of an int; what is outside of it is far beyond every limit.
  int integer(int index, int otherwise) {
    return Numbers.clamped(get(index, (long) otherwise));
  }

  String text(Run run, int index, String otherwise) {
    return Text.of(run, get(index, otherwise));
  }
}
