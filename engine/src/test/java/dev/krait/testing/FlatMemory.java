package dev.krait.testing;

import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.sequence.SequenceCache;
import java.util.Optional;

/// A sequence's memory outside of any pool: one slot and all blocks from a first one on.
public final class FlatMemory implements SequenceCache {
  private final int slot;
  private final int firstBlock;
  private final int blocks;
  private int committed;
  private int pending;
  private int reservedDirect;
  private int draftModelTokens;

  public FlatMemory(int slot, int firstBlock, int blocks) {
    this.slot = slot;
    this.firstBlock = firstBlock;
    this.blocks = blocks;
  }

  @Override
  public boolean reserve(int directTokens, int windowedTokens) {
    reservedDirect = directTokens;
    return true;
  }

  @Override
  public Optional<SlotCopy> commit(int tokens) {
    committed += tokens;
    pending = tokens - reservedDirect;
    return Optional.empty();
  }

  @Override
  public int draftModelTokens() {
    return draftModelTokens;
  }

  @Override
  public void setDraftModelTokens(int tokens) {
    draftModelTokens = tokens;
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
    pending = 0;
  }

  @Override
  public int stateSlot() {
    return slot;
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public int block(int index) {
    return firstBlock + index;
  }

  @Override
  public void close() {}
}
