package dev.krait.cuda;

import dev.krait.tensor.DType;
import dev.krait.tensor.WeightMatrix;

/// A weight matrix in device memory: bf16 in tiles of 16 rows and 16 columns as packed.cuh says,
/// other types row after row; zeros behind the last row and column.
///
/// @param address of the first weight
/// @param paddedRows rows with zeros
/// @param paddedColumns columns with zeros
record CudaMatrix(
    long address, int rows, int columns, int paddedRows, int paddedColumns, DType dtype)
    implements WeightMatrix {

  @Override
  public long bytes() {
    return (long) paddedRows * paddedColumns * dtype.bytes();
  }
}
