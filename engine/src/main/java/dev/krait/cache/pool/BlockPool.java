package dev.krait.cache.pool;

/// The key/value blocks of a layout.
public final class BlockPool extends IndexPool {
  private final int blockTokens;
  private final boolean needed;

  /// A pool in which every block is free.
  public BlockPool(CacheLayout layout) {
    super("block", layout.blocks());
    blockTokens = layout.demand().blockTokens();
    needed = layout.demand().attends();
  }

  /// Some layer attends, so that sequences need blocks.
  public boolean isNeeded() {
    return needed;
  }

  /// Tokens of a block.
  public int blockTokens() {
    return blockTokens;
  }

  /// Blocks that a sequence of so many tokens has.
  public int blocksFor(int tokens) {
    return needed ? Math.ceilDiv(tokens, blockTokens) : 0;
  }
}
