package dev.krait.cache.pool;

/// Copies what a state slot holds of every layer, except its replay window, to another slot.
@FunctionalInterface
public interface SlotCopier {

  /// Copies slot `from` to slot `to`.
  void copySlot(int from, int to);
}
