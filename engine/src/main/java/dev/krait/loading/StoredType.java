package dev.krait.loading;

import dev.krait.tensor.DType;
import java.util.Optional;

/// In which type weight matrices are kept in memory.
public enum StoredType {
  /// As the checkpoint stores them.
  STORED,
  /// 16 bits: bf16, rounded to nearest even.
  BF16,
  /// 32 bits.
  FP32;

  /// The type that matrices are converted to; empty keeps theirs.
  Optional<DType> target() {
    return switch (this) {
      case STORED -> Optional.empty();
      case BF16 -> Optional.of(DType.BF16);
      case FP32 -> Optional.of(DType.F32);
    };
  }
}
