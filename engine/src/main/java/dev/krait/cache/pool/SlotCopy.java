package dev.krait.cache.pool;

/// A copy of what a state slot has of every layer to another slot.
///
/// @param from the slot that is read
/// @param to the slot that is written
/// @param withWindow the replay window is copied, too: some committed tokens lie there alone
public record SlotCopy(int from, int to, boolean withWindow) implements CacheCopy {

  /// A copy without the replay window, which has nothing that counts.
  public SlotCopy(int from, int to) {
    this(from, to, false);
  }
}
