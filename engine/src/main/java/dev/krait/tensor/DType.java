package dev.krait.tensor;

/// Element types of weights and activations.
public enum DType {
  /// IEEE 754 binary32.
  F32(4),
  /// IEEE 754 binary16.
  F16(2),
  /// The upper half of a binary32.
  BF16(2),
  /// IEEE 754 binary64; read from checkpoints, never computed in.
  F64(8),
  /// Two's complement, 64 bits.
  I64(8),
  /// Two's complement, 32 bits.
  I32(4),
  /// Two's complement, 16 bits.
  I16(2),
  /// Two's complement, 8 bits.
  I8(1),
  /// Unsigned, 8 bits.
  U8(1),
  /// One byte, 0 or 1.
  BOOL(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /// Bytes of one element.
  public int bytes() {
    return bytes;
  }

  /// Rounds to the nearest bf16, ties to even; NaN stays NaN.
  public static short toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  /// The nearest bf16, ties to even.
  public static float roundToBf16(float value) {
    return Float.intBitsToFloat(toBf16(value) << 16);
  }

  /// True for the types that weights of a model may be stored in.
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16 || this == F64;
  }
}
