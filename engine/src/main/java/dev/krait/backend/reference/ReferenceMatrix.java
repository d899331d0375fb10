package dev.krait.backend.reference;

import dev.krait.backend.RowBlocks;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Blocks of rows in the checkpoint's order, copied.
record ReferenceMatrix(List<Tensor> blocks, int rows, int columns, DType dtype)
    implements WeightMatrix {
  private static final int ALIGNMENT_BYTES = 64;

  static ReferenceMatrix of(List<Tensor> blocks) {
    RowBlocks checked = RowBlocks.of(blocks);
    return new ReferenceMatrix(
        checked.blocks().stream().map(ReferenceMatrix::copy).toList(),
        checked.rows(),
        checked.columns(),
        checked.dtype());
  }

  /// A copy that lives as long as somebody reads it.
  private static Tensor copy(Tensor block) {
    MemorySegment data = Arena.ofAuto().allocate(block.data().byteSize(), ALIGNMENT_BYTES);
    data.copyFrom(block.data());
    return new Tensor(block.dtype(), block.shape(), data);
  }

  @Override
  public long bytes() {
    return (long) rows * columns * dtype.bytes();
  }

  /// Widens one row into `target`.
  void readRow(int row, float[] target) {
    int index = row;
    for (Tensor block : blocks) {
      int blockRows = (int) block.shape().dim(0);
      if (index < blockRows) {
        for (int k = 0; k < columns; k++) {
          target[k] = block.floatAt((long) index * columns + k);
        }
        return;
      }
      index -= blockRows;
    }
    throw new IndexOutOfBoundsException("row: " + row + " (expected: below " + rows + ")");
  }
}
