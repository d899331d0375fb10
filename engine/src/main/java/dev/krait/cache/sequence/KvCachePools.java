package dev.krait.cache.sequence;

import dev.krait.cache.pool.BlockCopy;
import dev.krait.cache.pool.BlockPool;
import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.pool.SlotPool;
import dev.krait.cache.prefix.HeldPrefix;
import dev.krait.cache.prefix.HeldPrefixes;
import dev.krait.cache.prefix.PrefixCache;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.cache.prefix.PrefixStart;
import dev.krait.cache.prefix.PromptPath;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.error.EngineException;
import dev.krait.generation.TokenIds;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The pools of blocks and state slots, the sequences that hold them, and the prefixes that are
/// kept for others.
///
/// They count indices; the tensors behind the indices are the runner's, allocated from the same
/// [CacheLayout]. Engine thread only.
public final class KvCachePools {
  private final CacheLayout layout;
  private final BlockPool blockPool;
  private final SlotPool slotPool;
  private final List<PooledSequenceCache> open = new ArrayList<>();
  private final @Nullable PrefixCache prefixes;

  /// Pools in which everything is free, and which keep no prefixes.
  public KvCachePools(CacheLayout layout) {
    this(layout, Optional.empty());
  }

  /// Pools in which everything is free.
  ///
  /// @param policy where states of prompts are kept; empty keeps no prefixes
  public KvCachePools(CacheLayout layout, Optional<SnapshotPolicy> policy) {
    this.layout = layout;
    blockPool = new BlockPool(layout);
    slotPool = new SlotPool(layout);
    prefixes = policy.map(any -> new PrefixCache(any, blockPool, slotPool)).orElse(null);
  }

  /// The layout that the pools were made for.
  public CacheLayout layout() {
    return layout;
  }

  /// Memory for one more sequence, without blocks yet; empty when no state slot is free.
  public Optional<Opened> open() {
    return slotsFree() > 0
        ? Optional.of(new Opened(opened(null), Optional.empty(), List.of()))
        : Optional.empty();
  }

  /// Memory for one more sequence, in which the longest kept prefix of its prompt is committed, all
  /// but the last token at most; empty when no state slot is free.
  public Optional<Opened> open(PrefixKey prompt) {
    PrefixCache kept = prefixes;
    if (kept == null || slotsFree() == 0) {
      return open();
    }
    PromptPath path = kept.open(prompt);
    PooledSequenceCache memory = opened(path);
    return Optional.of(
        new Opened(memory, Optional.of(path.result()), copies(path.start(), memory)));
  }

  /// What a new memory needs of the cache's; it may have been given just that slot and that block.
  private static List<CacheCopy> copies(PrefixStart start, PooledSequenceCache memory) {
    List<CacheCopy> copies = new ArrayList<>();
    if (start.snapshot() >= 0 && start.snapshot() != memory.stateSlot()) {
      copies.add(new SlotCopy(start.snapshot(), memory.stateSlot(), start.pendingTokens() > 0));
    }
    if (start.partBlock() >= 0 && start.partBlock() != memory.lastBlock()) {
      copies.add(new BlockCopy(start.partBlock(), memory.lastBlock()));
    }
    return copies;
  }

  private PooledSequenceCache opened(@Nullable PromptPath path) {
    if (slotPool.isNeeded() && slotPool.free() == 0 && prefixes != null) {
      prefixes.evictSnapshot();
    }
    PooledSequenceCache memory =
        new PooledSequenceCache(this, slotPool.isNeeded() ? slotPool.take() : -1, path);
    open.add(memory);
    return memory;
  }

  /// How many more sequences can be opened by the state slots; some of these may hold snapshots.
  public int slotsFree() {
    return slotPool.isNeeded() ? slotPool.free() + snapshots() : Integer.MAX_VALUE;
  }

  /// Blocks of a prompt's longest kept prefix that running sequences use already; one more needs no
  /// room for them.
  public int sharedPrefixBlocks(PrefixKey prompt) {
    PrefixCache kept = prefixes;
    return kept == null ? 0 : kept.sharedPrefixBlocks(prompt);
  }

  /// The prefixes that are held for conversations; empty when no prefixes are kept.
  public Optional<HeldPrefixes> held() {
    return Optional.ofNullable(prefixes).map(PrefixCache::held);
  }

  /// Bytes of blocks and snapshots that are held; those that several share count once.
  public long heldBytes() {
    return held()
        .map(held ->
            held.nodes() * layout.demand().bytesPerBlock()
                + held.ends() * layout.demand().bytesPerSlot())
        .orElse(0L);
  }

  /// Puts a prefix that was computed elsewhere among those that are kept, and holds it; the caller
  /// fills its blocks and slot before anything else is asked of the pools. Empty when there is no
  /// room.
  public Optional<HeldPrefix> insert(TokenIds tokens) {
    return held()
        .flatMap(held -> held.insert(tokens, () -> blockPool.isNeeded() ? takeBlock() : -1));
  }

  /// A block that nobody holds; there must be one.
  int takeBlock() {
    if (blockPool.free() == 0 && prefixes != null && prefixes.freeBlocks() > 0) {
      prefixes.evictLeaf();
    }
    return blockPool.take();
  }

  void closed(PooledSequenceCache memory) {
    open.remove(memory);
    if (memory.stateSlot() >= 0 && !memory.hasKeptSlot()) {
      slotPool.give(memory.stateSlot());
    }
  }

  BlockPool blockPool() {
    return blockPool;
  }

  /// Blocks that a sequence of so many tokens holds.
  public int blocksFor(int tokens) {
    return blockPool.blocksFor(tokens);
  }

  /// Blocks that no sequence holds; some of them may belong to kept prefixes.
  public int blocksFree() {
    return blockPool.free() + (prefixes == null ? 0 : prefixes.freeBlocks());
  }

  /// Blocks that sequences hold.
  public int blocksUsed() {
    return blockPool.total() - blocksFree();
  }

  /// All blocks.
  public int blocksTotal() {
    return blockPool.total();
  }

  /// State slots that sequences hold.
  public int slotsUsed() {
    return slotPool.used() - snapshots();
  }

  /// State slots that hold snapshots of kept prefixes.
  public int snapshots() {
    return prefixes == null ? 0 : prefixes.snapshots();
  }

  /// Forgets the kept prefixes that no open sequence uses, and all their states.
  ///
  /// @return blocks and state slots that are free again
  public int clearPrefixes() {
    return prefixes == null ? 0 : prefixes.clear();
  }

  /// State slots that sequences can hold at once.
  public int slotsTotal() {
    return slotPool.sequenceSlots();
  }

  /// Checks that every block and slot is either free, held by exactly one open sequence, or the
  /// prefix cache's, and that sequences hold what the cache thinks they hold.
  ///
  /// @throws EngineException INTERNAL naming the first index that is not
  public void checkIntegrity() {
    BitSet blocks = new BitSet();
    BitSet slots = new BitSet();
    if (prefixes != null) {
      prefixes.checkIntegrity(open.stream().flatMap(memory -> memory.path().stream()).toList());
      prefixes.claim(blocks, slots);
    }
    for (PooledSequenceCache memory : open) {
      memory.checkIntegrity(blockPool, blocks);
      if (memory.stateSlot() >= 0) {
        slotPool.claim(memory.stateSlot(), slots);
      }
    }
    blockPool.checkIntegrity(blocks);
    slotPool.checkIntegrity(slots);
  }
}
