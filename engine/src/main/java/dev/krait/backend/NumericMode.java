package dev.krait.backend;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.tensor.DType;

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

  /// Refuses weights whose precision the mode does not keep.
  ///
  /// @throws EngineException UNSUPPORTED for a matrix of another type than bf16 in [#BF16]
  public void requireFits(DType weights) {
    if (this == BF16 && weights != DType.BF16) {
      throw new EngineException(
          ErrorCode.UNSUPPORTED,
          "weights: %s (expected: BF16 in the numeric mode bf16; --numerics exact or --weights bf16)"
              .formatted(weights));
    }
  }

  /// `exact` or `bf16`.
  public String text() {
    return switch (this) {
      case EXACT -> "exact";
      case BF16 -> "bf16";
    };
  }
}
