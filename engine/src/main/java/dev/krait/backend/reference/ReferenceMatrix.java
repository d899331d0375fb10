package dev.krait.backend.reference;

import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Rows in the checkpoint's order, copied.
record ReferenceMatrix(Tensor values, int rows, int columns) implements WeightMatrix {
  private static final int ALIGNMENT_BYTES = 64;

  /// A copy that lives as long as somebody reads it.
  static ReferenceMatrix of(StoredMatrix.Dense stored) {
    int rows = stored.rows();
    int columns = stored.columns();
    long rowBytes = (long) columns * stored.dtype().bytes();
    MemorySegment data = Arena.ofAuto().allocate(rows * rowBytes, ALIGNMENT_BYTES);
    for (int row = 0; row < rows; row++) {
      stored.readRow(row, data, row * rowBytes);
    }
    return new ReferenceMatrix(
        new Tensor(stored.dtype(), Shape.of(rows, columns), data), rows, columns);
  }

  @Override
  public long bytes() {
    return values.data().byteSize();
  }

  /// Widens one row into `target`.
  void readRow(int row, float[] target) {
    for (int k = 0; k < columns; k++) {
      target[k] = values.floatAt((long) row * columns + k);
    }
  }
}
