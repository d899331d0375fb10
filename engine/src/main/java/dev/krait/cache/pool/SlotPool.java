package dev.krait.cache.pool;

/// The state slots of a layout, of running sequences and snapshots.
public final class SlotPool extends IndexPool {
  private final int maxSequences;
  private final boolean needed;

  /// A pool in which every slot is free.
  public SlotPool(CacheLayout layout) {
    super("state slot", layout.stateSlots());
    maxSequences = layout.demand().maxSequences();
    needed = layout.demand().recurs();
  }

  /// Some layer is recurrent, so that each sequence needs a slot.
  public boolean isNeeded() {
    return needed;
  }

  /// Slots that sequences can have at once.
  public int sequenceSlots() {
    return Math.min(total(), maxSequences);
  }
}
