package dev.krait.backend;

/// How exact the numbers of a backend are; chosen when it is opened.
///
/// In every mode a token has the same bits whoever shares its batch, however its prompt is cut and
/// whether it was drafted.
public enum NumericMode {
  /// fp32 activations and caches; products as exact as fp32.
  EXACT,
  /// Operands of products rounded to bf16; sums, residual stream, norms, scans and states fp32.
  BF16;

  /// `exact` or `bf16`.
  public String text() {
    return switch (this) {
      case EXACT -> "exact";
      case BF16 -> "bf16";
    };
  }
}
