package dev.krait.server;

import dev.krait.backend.NumericMode;
import java.util.Optional;

/// What `--numerics` takes.
enum Numerics {
  /// The backend's fastest that fits the weights.
  AUTO,
  EXACT,
  BF16;

  /// The mode that was asked for; empty for `auto`.
  Optional<NumericMode> mode() {
    return switch (this) {
      case AUTO -> Optional.empty();
      case EXACT -> Optional.of(NumericMode.EXACT);
      case BF16 -> Optional.of(NumericMode.BF16);
    };
  }
}
