package dev.krait.backend;

/// The largest of a row of floats, for backends whose buffers lie in the Java heap.
public final class ArgMax {
  private ArgMax() {}

  /// Index, from `from` on, of the largest of `count` values, the smallest of equals; -1 when it is
  /// not a finite number.
  public static int of(float[] values, int from, int count) {
    int best = -1;
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      if (values[from + i] > most) {
        most = values[from + i];
        best = i;
      }
    }
    return most == Float.POSITIVE_INFINITY ? -1 : best;
  }
}
