package dev.krait.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// A weight matrix `[rows, columns]` as a checkpoint stores it, with a case for each format. A
/// backend makes the [WeightMatrix] of it that it computes with.
public sealed interface StoredMatrix {

  /// Output width.
  int rows();

  /// Input width.
  int columns();

  /// The format's name, such as `BF16`.
  String format();

  /// Floating-point numbers of one type each: blocks of rows, stacked in order.
  ///
  /// @param blocks matrices `[n, columns]` of float types
  /// @param dtype the type that rows are read in, whatever their block's: F32, F16 or BF16
  record Dense(List<Tensor> blocks, DType dtype) implements StoredMatrix {
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    /// Checks that blocks fit together.
    public Dense {
      blocks = List.copyOf(blocks);
      if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
        throw new IllegalArgumentException("matrix of " + dtype + " (expected: F32, F16 or BF16)");
      }
      Shape first = blocks.getFirst().shape();
      for (Tensor block : blocks) {
        Shape shape = block.shape();
        if (shape.rank() != 2 || shape.dim(1) != first.dim(1) || !block.dtype().isFloat()) {
          throw new IllegalArgumentException(
              "rows of %s%s (expected: [rows, %d] of a float type)"
                  .formatted(block.dtype(), shape, first.dim(first.rank() - 1)));
        }
      }
    }

    /// Blocks in their own type; in fp32 where their types differ or are fp64.
    public static Dense of(List<Tensor> blocks) {
      DType first = blocks.getFirst().dtype();
      boolean agree = blocks.stream().allMatch(block -> block.dtype() == first);
      return new Dense(blocks, agree && first != DType.F64 ? first : DType.F32);
    }

    @Override
    public int rows() {
      return Math.toIntExact(blocks.stream().mapToLong(block -> block.shape().dim(0)).sum());
    }

    @Override
    public int columns() {
      return Math.toIntExact(blocks.getFirst().shape().dim(1));
    }

    @Override
    public String format() {
      return dtype.name();
    }

    /// Copies a row, rounded to [#dtype], to `target` from a byte on.
    public void readRow(int row, MemorySegment target, long to) {
      long index = row;
      for (Tensor block : blocks) {
        if (index < block.shape().dim(0)) {
          copy(block, index * columns(), target, to);
          return;
        }
        index -= block.shape().dim(0);
      }
      throw new IndexOutOfBoundsException("row: " + row + " (expected: below " + rows() + ")");
    }

    private void copy(Tensor block, long first, MemorySegment target, long to) {
      int columns = columns();
      int bytes = dtype.bytes();
      if (block.dtype() == dtype) {
        // Not the copy without layouts: in JDK 25 that of less than 64 bytes can be lost when the
        // compiler inlines it into a loop that then reads the heap array behind the target.
        MemorySegment.copy(
            block.data(), BYTE, first * bytes, target, BYTE, to, (long) columns * bytes);
        return;
      }
      for (int k = 0; k < columns; k++) {
        float value = block.floatAt(first + k);
        long at = to + (long) k * bytes;
        switch (dtype) {
          case F32 -> target.set(FLOAT, at, value);
          case F16 -> target.set(SHORT, at, Float.floatToFloat16(value));
          case BF16 -> target.set(SHORT, at, DType.toBf16(value));
          case F64, I64, I32, I16, I8, U8, BOOL -> throw new IllegalStateException(format());
        }
      }
    }
  }
}
