package dev.krait.cache.pool;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.BitSet;

/// Indices `[0, total)` of equal pages: taken one by one, given back one by one, the last given
/// back being the next taken.
public abstract sealed class IndexPool permits BlockPool, SlotPool {
  private final String name;
  private final int[] free;
  private final BitSet used = new BitSet();
  private int freeCount;

  /// A pool in which everything is free.
  ///
  /// @param name of a page, for messages
  IndexPool(String name, int total) {
    this.name = name;
    free = new int[total];
    for (int i = 0; i < total; i++) {
      free[i] = total - 1 - i;
    }
    freeCount = total;
  }

  /// All indices.
  public int total() {
    return free.length;
  }

  /// Indices that nobody has.
  public int free() {
    return freeCount;
  }

  /// Indices that somebody has.
  public int used() {
    return free.length - freeCount;
  }

  /// An unused index; there must be one.
  public int take() {
    if (freeCount == 0) {
      throw new EngineException(ErrorCode.INTERNAL, name + ": none free (expected: 1 or more)");
    }
    int index = free[--freeCount];
    used.set(index);
    return index;
  }

  /// Gives an index back.
  public void give(int index) {
    if (!used.get(index)) {
      throw new EngineException(
          ErrorCode.INTERNAL, name + " " + index + " given back: unused (expected: in use)");
    }
    used.clear(index);
    free[freeCount++] = index;
  }

  boolean isUsed(int index) {
    return used.get(index);
  }

  /// Checks that an index is in use and that nobody else has it.
  ///
  /// @param claimed those that somebody has; this one is added
  public void claim(int index, BitSet claimed) {
    if (claimed.get(index) || !isUsed(index)) {
      throw new EngineException(
          ErrorCode.INTERNAL, name + " " + index + ": held twice or while free");
    }
    claimed.set(index);
  }

  /// Every index is either free, once, or in use and claimed.
  public void checkIntegrity(BitSet claimed) {
    checkIntegrity();
    if (claimed.cardinality() != used()) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          name + "s in use: %d (expected: the %d held)".formatted(used(), claimed.cardinality()));
    }
  }

  /// Every index is either free, once, or in use.
  void checkIntegrity() {
    BitSet seen = new BitSet();
    for (int i = 0; i < freeCount; i++) {
      if (seen.get(free[i]) || used.get(free[i])) {
        throw new EngineException(
            ErrorCode.INTERNAL, name + " " + free[i] + ": free twice or while in use");
      }
      seen.set(free[i]);
    }
    if (used.cardinality() + freeCount != free.length) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          name
              + ": %d used, %d free (expected: %d in all)"
                  .formatted(used.cardinality(), freeCount, free.length));
    }
  }
}
