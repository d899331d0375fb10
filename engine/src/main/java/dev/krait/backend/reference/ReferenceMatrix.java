package dev.krait.backend.reference;

import dev.krait.backend.RowBlocks;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.List;

/// Blocks of rows where the checkpoint has them: nothing is copied.
record ReferenceMatrix(List<Tensor> blocks, int rows, int columns, DType dtype)
    implements WeightMatrix {

  static ReferenceMatrix of(List<Tensor> blocks) {
    RowBlocks checked = RowBlocks.of(blocks);
    return new ReferenceMatrix(
        checked.blocks(), checked.rows(), checked.columns(), checked.dtype());
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
