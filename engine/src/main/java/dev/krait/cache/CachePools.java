package dev.krait.cache;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/// The pools of blocks and state slots, and the sequences that hold them.
///
/// They count indices; the tensors behind the indices are the runner's, allocated from the same
/// [CacheLayout]. Engine thread only.
public final class CachePools {
  private final CacheLayout layout;
  private final IndexPool blockPool;
  private final IndexPool statePool;
  private final List<PooledMemory> open = new ArrayList<>();
  private final boolean attends;
  private final boolean recurs;

  /// Pools in which everything is free.
  public CachePools(CacheLayout layout) {
    this.layout = layout;
    attends = layout.demand().bytesPerBlock() > 0;
    recurs = layout.demand().bytesPerSlot() > 0;
    blockPool = new IndexPool("block", layout.blocks());
    statePool = new IndexPool("state slot", layout.stateSlots());
  }

  /// The layout that the pools were made for.
  public CacheLayout layout() {
    return layout;
  }

  /// Memory for one more sequence, without blocks yet; empty when no state slot is free.
  public Optional<SequenceMemory> open() {
    if (recurs && statePool.free() == 0) {
      return Optional.empty();
    }
    PooledMemory memory = new PooledMemory(this, recurs ? statePool.take() : -1);
    open.add(memory);
    return Optional.of(memory);
  }

  void closed(PooledMemory memory) {
    open.remove(memory);
    if (memory.stateSlot() >= 0) {
      statePool.give(memory.stateSlot());
    }
  }

  IndexPool blockPool() {
    return blockPool;
  }

  /// Blocks that a sequence of so many tokens holds.
  public int blocksFor(int tokens) {
    return attends ? Math.ceilDiv(tokens, layout.demand().blockTokens()) : 0;
  }

  /// Blocks that nobody holds.
  public int blocksFree() {
    return blockPool.free();
  }

  /// Blocks that sequences hold.
  public int blocksUsed() {
    return blockPool.used();
  }

  /// All blocks.
  public int blocksTotal() {
    return blockPool.total();
  }

  /// State slots that sequences hold.
  public int slotsUsed() {
    return statePool.used();
  }

  /// All state slots.
  public int slotsTotal() {
    return statePool.total();
  }

  /// Checks that every block and slot is either free or held by exactly one open sequence.
  ///
  /// @throws EngineException INTERNAL naming the first index that is not
  public void checkIntegrity() {
    blockPool.checkIntegrity();
    statePool.checkIntegrity();
    BitSet blocks = new BitSet();
    BitSet slots = new BitSet();
    for (PooledMemory memory : open) {
      for (int i = 0; i < memory.blocks(); i++) {
        claim("block", memory.block(i), blocks, blockPool);
      }
      if (memory.stateSlot() >= 0) {
        claim("state slot", memory.stateSlot(), slots, statePool);
      }
    }
    checkHeld("blocks", blocks.cardinality(), blockPool.used());
    checkHeld("state slots", slots.cardinality(), statePool.used());
  }

  private static void claim(String name, int index, BitSet claimed, IndexPool pool) {
    if (claimed.get(index) || !pool.isUsed(index)) {
      throw new EngineException(
          ErrorCode.INTERNAL, name + " " + index + ": held twice or while free");
    }
    claimed.set(index);
  }

  private static void checkHeld(String name, int held, int used) {
    if (held != used) {
      throw new EngineException(
          ErrorCode.INTERNAL, name + " in use: " + used + " (expected: the " + held + " held)");
    }
  }
}
