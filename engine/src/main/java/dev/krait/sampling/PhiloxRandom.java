package dev.krait.sampling;

/// Counter-based random numbers: Philox-4x32 with 10 rounds (Salmon et al., "Parallel random
/// numbers: as easy as 1, 2, 3", 2011).
///
/// A number is a function of seed, position and purpose alone, so that a sequence's draws do not
/// depend on who shares its batch or on how its tokens were grouped into steps.
public final class PhiloxRandom {
  /// What a number is drawn for; different purposes at one position are independent.
  public enum Purpose {
    /// A token from the target's distribution.
    TOKEN(0),
    /// The test that accepts or rejects a draft.
    ACCEPTANCE(1),
    /// A token from what the draft left of the target's distribution.
    RECOVERY(2),
    /// A draft token.
    DRAFT(3);

    private final int counter;

    Purpose(int counter) {
      this.counter = counter;
    }
  }

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final int ROUNDS = 10;

  private PhiloxRandom() {}

  /// A number in [0, 1) with 53 random bits.
  ///
  /// @param seed key of the request
  /// @param position index of the token that is being chosen
  /// @param purpose what it is for
  public static double uniform(long seed, int position, Purpose purpose) {
    int key0 = (int) seed;
    int key1 = (int) (seed >>> 32);
    int c0 = position;
    int c1 = purpose.counter;
    int c2 = 0;
    int c3 = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (c0 & 0xFFFFFFFFL);
      long product1 = MULTIPLIER_1 * (c2 & 0xFFFFFFFFL);
      int next0 = (int) (product1 >>> 32) ^ c1 ^ key0;
      int next2 = (int) (product0 >>> 32) ^ c3 ^ key1;
      c1 = (int) product1;
      c3 = (int) product0;
      c0 = next0;
      c2 = next2;
      key0 += WEYL_0;
      key1 += WEYL_1;
    }
    long bits = ((long) c0 << 32) | (c1 & 0xFFFFFFFFL);
    return (bits >>> 11) * 0x1.0p-53;
  }
}
