package dev.krait.sampling;

/// A logit and its token id as one number that orders them: by logit, and among equal ones the
/// smaller id above.
final class RankedLogit {
  private RankedLogit() {}

  /// The number; -0 counts as 0.
  static long key(float logit, int id) {
    int bits = Float.floatToIntBits(logit + 0.0f);
    return ((long) ordered(bits) << 32) | (~id & 0xFFFFFFFFL);
  }

  /// The logit of a number.
  static float logit(long key) {
    return Float.intBitsToFloat(ordered((int) (key >> 32)));
  }

  /// The id of a number.
  static int id(long key) {
    return ~(int) key;
  }

  /// Bits of a float to an integer of the same order, and back.
  private static int ordered(int bits) {
    return bits ^ ((bits >> 31) & Integer.MAX_VALUE);
  }
}
