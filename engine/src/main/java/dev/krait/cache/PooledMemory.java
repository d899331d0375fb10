package dev.krait.cache;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.Arrays;

/// One sequence's blocks and state slot, taken from [CachePools].
///
/// Between steps it holds exactly the blocks of its committed tokens:
///
/// ```
///   reserve   [ committed | reserved )   blocks up to the end
///   commit    [ committed )              surplus blocks go back
/// ```
final class PooledMemory implements SequenceMemory {
  private static final int FIRST_BLOCKS = 8;

  private final CachePools pools;
  private final int stateSlot;
  private int[] table = new int[FIRST_BLOCKS];
  private int blocks;
  private int committed;
  private int pending;
  private int reservedDirect;
  private int reservedWindowed;
  private boolean closed;

  PooledMemory(CachePools pools, int stateSlot) {
    this.pools = pools;
    this.stateSlot = stateSlot;
  }

  @Override
  public boolean reserve(int directTokens, int windowedTokens) {
    checkOpen();
    int window = pools.layout().demand().window();
    boolean oneKind = (directTokens > 0) != (windowedTokens > 0);
    if (!oneKind || directTokens < 0 || windowedTokens < 0 || windowedTokens > window) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "reserved tokens: %d direct, %d windowed (expected: one of them, windowed up to %d)"
              .formatted(directTokens, windowedTokens, window));
    }
    int needed = pools.blocksFor(committed + directTokens + windowedTokens);
    if (needed - blocks > pools.blockPool().free()) {
      return false;
    }
    resize(needed);
    reservedDirect = directTokens;
    reservedWindowed = windowedTokens;
    return true;
  }

  @Override
  public void commit(int tokens) {
    checkOpen();
    boolean whole = reservedDirect > 0 && tokens == reservedDirect;
    boolean part = reservedWindowed > 0 && tokens >= 1 && tokens <= reservedWindowed;
    if (!whole && !part) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "committed tokens: %d (expected: all of %d direct or 1 to %d windowed)"
              .formatted(tokens, reservedDirect, reservedWindowed));
    }
    committed += tokens;
    pending = part ? tokens : 0;
    reservedDirect = 0;
    reservedWindowed = 0;
    resize(pools.blocksFor(committed));
  }

  private void resize(int needed) {
    IndexPool pool = pools.blockPool();
    while (blocks > needed) {
      pool.give(table[--blocks]);
    }
    if (needed > table.length) {
      table = Arrays.copyOf(table, Math.max(needed, 2 * table.length));
    }
    while (blocks < needed) {
      table[blocks++] = pool.take();
    }
  }

  @Override
  public int committedTokens() {
    return committed;
  }

  @Override
  public int pendingTokens() {
    return pending;
  }

  @Override
  public void markFlushed() {
    checkOpen();
    pending = 0;
  }

  @Override
  public int stateSlot() {
    return stateSlot;
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public int block(int index) {
    return table[index];
  }

  @Override
  public void close() {
    checkOpen();
    pools.closed(this);
    resize(0);
    closed = true;
  }

  private void checkOpen() {
    if (closed) {
      throw new EngineException(ErrorCode.INTERNAL, "sequence memory: closed (expected: open)");
    }
  }
}
