package dev.krait.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/// Immutable dimensions of a tensor, outermost first.
public final class Shape {
  private final long[] dims;
  private final long elements;

  private Shape(long[] dims) {
    long product = 1;
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("dimension: " + dim + " (expected: 0 or more)");
      }
      product = Math.multiplyExact(product, dim);
    }
    this.dims = dims;
    this.elements = product;
  }

  /// A shape of the given dimensions.
  ///
  /// @throws IllegalArgumentException if one is negative
  /// @throws ArithmeticException if their product overflows a long
  public static Shape of(long... dims) {
    return new Shape(dims.clone());
  }

  /// Number of dimensions; 0 for a scalar.
  public int rank() {
    return dims.length;
  }

  /// One dimension as a long.
  public long dim(int axis) {
    return dims[axis];
  }

  /// Product of all dimensions; 1 for a scalar.
  public long elements() {
    return elements;
  }

  /// A copy of the dimensions.
  public long[] dims() {
    return dims.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape that && Arrays.equals(dims, that.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  /// `[2, 3]`.
  @Override
  public String toString() {
    return Arrays.stream(dims).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
  }
}
