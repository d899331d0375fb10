package dev.krait.backend.cpu.matmul;

import dev.krait.tensor.DType;

/// How a tile stores its weights.
enum TileFormat {
  /// Row j of a column lies beside row j + lanes, so that a word of 32 bits widens to both without
  /// moving between lanes: a shift gives the first, a mask the second.
  BF16(DType.BF16),
  /// Rows of a column in order.
  F16(DType.F16),
  /// Rows of a column in order.
  F32(DType.F32);

  private final DType dtype;

  TileFormat(DType dtype) {
    this.dtype = dtype;
  }

  /// The format of a type.
  ///
  /// @throws IllegalArgumentException for a type that no product has
  static TileFormat of(DType dtype) {
    for (TileFormat format : values()) {
      if (format.dtype == dtype) {
        return format;
      }
    }
    throw new IllegalArgumentException("weights: " + dtype + " (expected: BF16, F16 or F32)");
  }

  DType dtype() {
    return dtype;
  }

  int elementBytes() {
    return dtype.bytes();
  }

  /// Where a row's element lies in a column, in elements.
  int place(int row, int lanes) {
    return this == BF16 ? 2 * (row % lanes) + row / lanes : row;
  }
}
