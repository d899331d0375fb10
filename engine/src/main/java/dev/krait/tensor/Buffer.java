package dev.krait.tensor;

/// Numbers that a backend owns, in its device's memory. Only the backend that made a buffer may
/// compute with it.
public interface Buffer {

  /// In which type they are kept.
  DType dtype();

  /// How many.
  long elements();

  /// Copies `target.length` elements from `offset` on to the host, widened to floats.
  void read(long offset, float[] target);

  /// Copies floats from the host to `offset`; the buffer keeps floats.
  void write(long offset, float[] source);

  /// Copies what lies in memory from an element on to the host, as the bits of words of four bytes:
  /// one float each, or two numbers of two bytes.
  default void readWords(long offset, float[] target) {
    read(offset, target);
  }

  /// Copies such words from the host to where an element lies.
  default void writeWords(long offset, float[] source) {
    write(offset, source);
  }

  /// Copies elements within the buffer, after all that was computed before; the ranges must not
  /// overlap.
  void copy(long from, long to, long elements);
}
