package dev.krait.backend;

import dev.krait.tensor.DType;
import dev.krait.tensor.StoredMatrix;

/// How exact the numbers of a backend are; chosen when it is opened.
///
/// In every mode a token has the same bits whoever shares its batch, however its prompt is cut and
/// whether it was drafted.
public enum NumericMode {
  /// fp32 activations and caches; products as exact as fp32.
  EXACT,
  /// Operands of products, keys and values rounded to bf16; sums, residual stream, norms, scans and
  /// states fp32.
  BF16;

  /// Whether it keeps the precision of a matrix.
  public boolean fits(StoredMatrix matrix) {
    return switch (matrix) {
      case StoredMatrix.Dense dense -> this == EXACT || dense.dtype() == DType.BF16;
    };
  }

  /// A number as products take it and the cache keeps it.
  public float operand(float value) {
    return switch (this) {
      case EXACT -> value;
      case BF16 -> DType.roundToBf16(value);
    };
  }

  /// The formats that fit, for people.
  String formats() {
    return switch (this) {
      case EXACT -> "F32, F16 or BF16";
      case BF16 -> "BF16; others with --numerics exact, or rounded with --weights bf16";
    };
  }

  /// `exact` or `bf16`.
  public String text() {
    return switch (this) {
      case EXACT -> "exact";
      case BF16 -> "bf16";
    };
  }
}
