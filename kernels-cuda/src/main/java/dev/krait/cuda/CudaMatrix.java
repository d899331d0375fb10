package dev.krait.cuda;

import dev.krait.tensor.DType;
import dev.krait.tensor.WeightMatrix;

/// A weight matrix in device memory; zeros behind the last row and column.
///
/// @param address of the first weight
/// @param layout how weights follow one another
/// @param paddedRows rows with zeros
/// @param paddedColumns columns with zeros
record CudaMatrix(
    long address,
    Layout layout,
    int rows,
    int columns,
    int paddedRows,
    int paddedColumns,
    DType dtype)
    implements WeightMatrix {

  /// Orders of weights.
  enum Layout {
    /// Row after row.
    ROWS,
    /// bf16 in tiles of 16 rows and 16 columns, see packed.cuh.
    TILES,
    /// bf16 as an operand of products, see operand.cuh.
    OPERAND
  }

  @Override
  public long bytes() {
    return (long) paddedRows * paddedColumns * dtype.bytes();
  }
}
