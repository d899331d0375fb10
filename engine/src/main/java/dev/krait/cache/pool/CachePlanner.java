package dev.krait.cache.pool;

import dev.krait.error.EngineException;

/// Cuts a byte budget into key/value blocks and state slots. Pure.
///
/// When the budget cannot hold every sequence at full length, slots are taken for as many sequences
/// of [CacheLayout#TYPICAL_TOKENS] tokens as fit, and the rest becomes blocks. Snapshots take what
/// is then left.
public final class CachePlanner {
  private CachePlanner() {}

  /// Bytes that the demand can use at most: every sequence at full length, and all snapshots.
  public static long usableBytes(CacheDemand demand) {
    return demand.maxSequences() * sequenceBytes(demand, demand.maxModelTokens())
        + demand.snapshots() * demand.bytesPerSlot();
  }

  /// The layout for a budget; takes no more than can be used.
  ///
  /// @throws EngineException INVALID_ARGUMENT when not even one sequence of full length fits
  public static CacheLayout plan(CacheDemand demand, long budgetBytes) {
    int fullBlocks = demand.blocksFor(demand.maxModelTokens());
    if (sequenceBytes(demand, demand.maxModelTokens()) > budgetBytes) {
      throw tooSmall(demand, budgetBytes, fullBlocks);
    }
    long slotBytes = demand.bytesPerSlot();
    long blockBytes = demand.bytesPerBlock();
    int sequences = typicalSequences(demand, budgetBytes);
    long blocks = 0;
    if (demand.attends()) {
      long affordable = (budgetBytes - sequences * slotBytes) / blockBytes;
      blocks = Math.min(affordable, (long) sequences * fullBlocks);
    }
    long slots = 0;
    if (demand.recurs()) {
      long left = budgetBytes - sequences * slotBytes - blocks * blockBytes;
      slots = sequences + Math.min(left / slotBytes, demand.snapshots());
    }
    return new CacheLayout(
        demand, budgetBytes, (int) Math.min(blocks, Integer.MAX_VALUE), (int) slots);
  }

  private static int typicalSequences(CacheDemand demand, long budgetBytes) {
    if (!demand.recurs()) {
      return demand.maxSequences();
    }
    int typical = Math.min(CacheLayout.TYPICAL_TOKENS, demand.maxModelTokens());
    long fit = budgetBytes / sequenceBytes(demand, typical);
    return Math.clamp(fit, 1, demand.maxSequences());
  }

  private static long sequenceBytes(CacheDemand demand, int tokens) {
    return demand.bytesPerSlot() + demand.blocksFor(tokens) * demand.bytesPerBlock();
  }

  private static EngineException tooSmall(CacheDemand demand, long budgetBytes, int fullBlocks) {
    return EngineException.invalidArgument(
        "cache-memory",
        budgetBytes,
        "at least %d: one sequence of max-model-len %d takes %d blocks of %d bytes and %d bytes of state"
            .formatted(
                sequenceBytes(demand, demand.maxModelTokens()),
                demand.maxModelTokens(),
                fullBlocks,
                demand.bytesPerBlock(),
                demand.bytesPerSlot()));
  }
}
