package dev.krait.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A non-owning, row-major view of memory with an element type and a shape.
///
/// The memory is a mapped file, an arena or a heap array; for a device tensor the segment's address
/// is a device pointer that the JVM never dereferences. Little-endian throughout.
///
/// @param dtype element type
/// @param shape dimensions, outermost first
/// @param data exactly `shape.elements() * dtype.bytes()` bytes
public record Tensor(DType dtype, Shape shape, MemorySegment data) {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;

  /// Checks that data and shape agree.
  public Tensor {
    long expected = Math.multiplyExact(shape.elements(), (long) dtype.bytes());
    if (data.byteSize() != expected) {
      throw new IllegalArgumentException(
          "tensor "
              + dtype
              + shape
              + ": "
              + data.byteSize()
              + " bytes (expected: "
              + expected
              + ")");
    }
  }

  /// One element of a host tensor, widened to a float.
  ///
  /// @throws IllegalStateException for an integer type
  public float floatAt(long index) {
    return switch (dtype) {
      case F32 -> data.getAtIndex(FLOAT, index);
      case BF16 -> Float.intBitsToFloat(data.getAtIndex(SHORT, index) << 16);
      case F16 -> Float.float16ToFloat(data.getAtIndex(SHORT, index));
      case F64 -> (float) data.getAtIndex(DOUBLE, index);
      case I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalStateException(
              "tensor of " + dtype + " read as float (expected: a float type)");
    };
  }

  /// All elements of a host tensor, widened to floats.
  public float[] toFloats() {
    float[] values = new float[Math.toIntExact(shape.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = floatAt(i);
    }
    return values;
  }

  /// A view of some rows of a matrix or higher tensor, along the first axis.
  public Tensor rows(long first, long count) {
    long[] dims = shape.dims();
    long rowBytes = dims[0] == 0 ? 0 : data.byteSize() / dims[0];
    dims[0] = count;
    return new Tensor(dtype, Shape.of(dims), data.asSlice(first * rowBytes, count * rowBytes));
  }
}
