package dev.krait.tensor;

/// A weight matrix `[rows, columns]` in the layout that its backend computes with; a matrix product
/// maps a row of `columns` activations to `rows` outputs.
public interface WeightMatrix {

  /// Output width.
  int rows();

  /// Input width.
  int columns();

  /// Bytes in memory: what one pass over the matrix reads.
  long bytes();
}
