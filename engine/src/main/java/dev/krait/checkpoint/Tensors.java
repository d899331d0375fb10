package dev.krait.checkpoint;

import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;

/// Checks that both file formats make of what they say about a tensor.
final class Tensors {
  static final int MAX_RANK = 8;

  private Tensors() {}

  static Shape shape(MappedFile file, String what, long[] dims) {
    try {
      return Shape.of(dims);
    } catch (IllegalArgumentException | ArithmeticException failure) {
      throw file.broken(
          what
              + ": shape: "
              + java.util.Arrays.toString(dims)
              + " (expected: dimensions of 0 or more whose product fits 63 bits)");
    }
  }

  static long bytes(MappedFile file, String what, DType dtype, Shape shape) {
    try {
      return Math.multiplyExact(shape.elements(), (long) dtype.bytes());
    } catch (ArithmeticException failure) {
      throw file.broken(what + ": " + dtype + shape + " (expected: a size that fits 63 bits)");
    }
  }
}
