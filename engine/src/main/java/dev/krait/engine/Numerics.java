package dev.krait.engine;

import dev.krait.backend.NumericMode;
import java.util.Optional;

/// How exact the numbers of an engine shall be, see [NumericMode].
public enum Numerics {
  /// The backend's fastest mode that keeps the precision of the weights.
  AUTO,
  /// fp32 activations, keys and values.
  EXACT,
  /// Operands of products, keys and values rounded to bf16.
  BF16;

  /// The mode that was asked for; empty for [#AUTO].
  Optional<NumericMode> mode() {
    return switch (this) {
      case AUTO -> Optional.empty();
      case EXACT -> Optional.of(NumericMode.EXACT);
      case BF16 -> Optional.of(NumericMode.BF16);
    };
  }
}
