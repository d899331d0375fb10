package dev.krait.cache.prefix;

import dev.krait.cache.pool.BlockPool;
import dev.krait.cache.pool.SlotPool;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Prompt prefixes whose blocks and states are kept, also after the sequences that computed them
/// have ended: a tree with an edge for each block of tokens.
///
/// Keys and values can be shared from any block on. A recurrent state is one point in time, so a
/// model with recurrent layers can start behind a node only if its state was copied to a slot of
/// its own, a snapshot, when a prompt's computation stood exactly there.
///
/// A sequence that ends leaves its memory here: the blocks behind its prompt become nodes, the
/// last, partly filled one an end, and its state slot the snapshot there, without a copy. Who goes
/// on from an end gets copies of that block and of that slot.
///
/// An open sequence pins the nodes of its prompt. What is not pinned is evicted when somebody needs
/// the room: blocks from the ends of the least recently used prefixes. Snapshots are evicted in the
/// order of their use, whether their nodes are pinned or not.
public final class PrefixCache {
  /// Most nodes where no layer attends, so that blocks do not bound them.
  private static final int MAX_NODES = 1 << 16;

  private final int minTokens;
  private final BlockPool blockPool;
  private final SlotPool slotPool;

  /// The trees by their salt; one that keeps nothing and is not used is dropped.
  private final Map<String, PrefixNode> roots = new HashMap<>();

  /// Nodes that may be evicted, least recently used first.
  private final TreeSet<PrefixNode> evictable = new TreeSet<>();

  /// Nodes with a snapshot, least recently used first.
  private final LinkedHashSet<PrefixNode> snapshots = new LinkedHashSet<>();

  private final HeldPrefixes held = new HeldPrefixes(this);
  private int nodes;
  private int pinnedNodes;
  private long clock;

  /// The last answer of [#find], which holds until a node or a snapshot comes or goes.
  private @Nullable PrefixKey foundPrompt;

  private final PrefixNode nothing = PrefixNode.root("");
  private PrefixHit found = new PrefixHit(nothing, 0);

  /// A cache that keeps nothing yet.
  ///
  /// @param policy where states of prompts are kept
  public PrefixCache(SnapshotPolicy policy, BlockPool blockPool, SlotPool slotPool) {
    minTokens = policy.minTokens();
    this.blockPool = blockPool;
    this.slotPool = slotPool;
  }

  /// No prefix at all.
  PrefixNode nothing() {
    return nothing;
  }

  /// The empty prefix of prompts of a salt; kept once it is pinned.
  PrefixNode root(String salt) {
    PrefixNode root = roots.get(salt);
    return root == null ? PrefixNode.root(salt) : root;
  }

  /// There are states to take snapshots of.
  boolean recurs() {
    return slotPool.isNeeded();
  }

  /// Tokens of a node.
  int blockTokens() {
    return blockPool.blockTokens();
  }

  /// The last position up to one where a block ends.
  int boundary(int tokens) {
    return tokens - tokens % blockTokens();
  }

  /// Tokens that a snapshot must lie behind the one before, and that waiting must save.
  int minTokens() {
    return minTokens;
  }

  /// Opens the path of a sequence through the longest kept prefix of its prompt, all but the last
  /// token at most.
  public PromptPath open(PrefixKey prompt) {
    PrefixHit hit = find(prompt);
    PrefixNode start = hit.start();
    if (start.isEnd && start.block >= 0 && blockPool.free() + freeBlocks() == 0) {
      // No block to copy the end's into.
      start = hit.node();
      while (start.parent != null && start.snapshot < 0) {
        start = start.parent;
      }
      hit = new PrefixHit(start, hit.matchedTokens());
    }
    return new PromptPath(this, hit, prompt);
  }

  /// The longest kept prefix of a prompt, and the longest that a sequence can start behind; at
  /// least one token is left to compute.
  PrefixHit find(PrefixKey prompt) {
    if (!Objects.equals(prompt, foundPrompt)) {
      found = search(prompt, prompt.tokens().size() - 1);
      foundPrompt = prompt;
    }
    return found;
  }

  /// The same among the first `most` tokens.
  PrefixHit search(PrefixKey key, int most) {
    return PrefixHit.search(root(key.salt()), key.tokens(), most, this);
  }

  /// The prefixes that are held for conversations.
  public HeldPrefixes held() {
    return held;
  }

  /// Blocks of a prompt's longest kept prefix that open sequences use.
  public int sharedPrefixBlocks(PrefixKey prompt) {
    int shared = 0;
    for (PrefixNode node = find(prompt).node();
        blockPool.isNeeded() && node.parent != null;
        node = node.parent) {
      shared += node.pins > 0 ? 1 : 0;
    }
    return shared;
  }

  /// Keeps a prefix from being evicted.
  void pin(PrefixNode end) {
    PrefixNode node = end;
    for (; node.parent != null; node = node.parent) {
      pinNext(node);
    }
    node.pins++;
    roots.put(node.salt, node);
    use(end);
  }

  /// Notes that the snapshot of a node was used.
  void use(PrefixNode node) {
    if (snapshots.remove(node)) {
      snapshots.add(node);
    }
    if (evictable.remove(node)) {
      node.lastUsed = ++clock;
      evictable.add(node);
    }
  }

  /// Extends a pin by one node.
  void pinNext(PrefixNode node) {
    if (node.pins++ == 0) {
      pinnedNodes++;
      evictable.remove(node);
    }
  }

  /// Takes back one [#pin] and what extended it.
  void unpin(PrefixNode end) {
    clock++;
    PrefixNode node = end;
    for (; node.parent != null; node = node.parent) {
      node.lastUsed = clock;
      if (--node.pins == 0) {
        pinnedNodes--;
        noteUnused(node);
      }
    }
    node.pins--;
    noteUnused(node);
  }

  /// A node that somebody holds now is not evicted.
  void noteHeld(PrefixNode node) {
    evictable.remove(node);
  }

  /// Notes that a node may be evicted, or drops a root behind which nothing is kept.
  void noteUnused(PrefixNode node) {
    if (node.isEvictable()) {
      evictable.add(node);
    } else if (node.isRoot() && node.isUnused()) {
      roots.remove(node.salt);
    }
  }

  /// A new node behind a pinned one, pinned like it; the block is the cache's from now on.
  PrefixNode add(PrefixNode parent, TokenIds tokens, int block) {
    if (!blockPool.isNeeded() && nodes >= MAX_NODES && !evictable.isEmpty()) {
      evictLeaf();
    }
    PrefixNode node = parent.child(tokens, block);
    parent.children.put(tokens, node);
    foundPrompt = null;
    nodes++;
    node.pins = 1;
    pinnedNodes++;
    return node;
  }

  /// Blocks that can be had by evicting prefixes.
  public int freeBlocks() {
    return blockPool.isNeeded() ? nodes - pinnedNodes : 0;
  }

  /// Whether so many blocks, and a snapshot's slot, can be had.
  boolean hasRoom(int blocks) {
    return (!blockPool.isNeeded() || blocks <= blockPool.free() + freeBlocks())
        && (!slotPool.isNeeded() || slotPool.free() + snapshots.size() > 0);
  }

  /// Evicts the last block of the least recently used prefix.
  public void evictLeaf() {
    while (evictable.isEmpty() && held.giveUpFirst()) {}
    remove(evictable.removeFirst());
  }

  private void remove(PrefixNode leaf) {
    PrefixNode parent = leaf.parent;
    if (parent == null) {
      throw new EngineException(ErrorCode.INTERNAL, "prefix cache: the root evicted");
    }
    (leaf.isEnd ? parent.ends : parent.children).remove(leaf.tokens);
    foundPrompt = null;
    nodes--;
    if (leaf.block >= 0) {
      blockPool.give(leaf.block);
    }
    if (leaf.snapshot >= 0) {
      snapshots.remove(leaf);
      giveSnapshot(leaf);
    }
    noteUnused(parent);
  }

  /// Snapshots kept.
  public int snapshots() {
    return snapshots.size();
  }

  /// Evicts the least recently used snapshot; there must be one.
  public void evictSnapshot() {
    PrefixNode first = firstNotHeld();
    while (first.isRoot() && held.giveUpFirst()) {
      first = firstNotHeld();
    }
    dropSnapshot(first);
  }

  private PrefixNode firstNotHeld() {
    for (PrefixNode node : snapshots) {
      if (node.heldEnds == 0) {
        return node;
      }
    }
    return nothing;
  }

  private void dropSnapshot(PrefixNode node) {
    snapshots.remove(node);
    giveSnapshot(node);
    if (node.isEnd) {
      evictable.remove(node);
      remove(node);
    }
  }

  private void giveSnapshot(PrefixNode node) {
    slotPool.give(node.snapshot);
    node.snapshot = -1;
    foundPrompt = null;
  }

  /// A slot for the states behind a node, which the caller fills; -1 when none is worth having: the
  /// node has one as good, or running sequences have all slots.
  ///
  /// @param hasDraftModel the draft model's states are there too
  int takeSnapshot(PrefixNode node, boolean hasDraftModel) {
    if (!slotPool.isNeeded()
        || (node.snapshot >= 0 && (node.draftModelTokens == node.end || !hasDraftModel))) {
      return -1;
    }
    if (node.snapshot < 0) {
      if (slotPool.free() == 0) {
        if (snapshots.isEmpty()) {
          return -1;
        }
        evictSnapshot();
      }
      node.snapshot = slotPool.take();
      snapshots.add(node);
      foundPrompt = null;
    }
    node.draftModelTokens = hasDraftModel ? node.end : 0;
    node.pendingTokens = 0;
    return node.snapshot;
  }

  /// Takes over the states of a sequence that ends, and the block that it filled partly.
  ///
  /// @param node the pinned node of its last whole block
  /// @param tokens those behind it, fewer than a block has
  /// @param block theirs; -1 where there is none
  /// @return false when what is kept there is as good, so that nothing was taken
  boolean keepEnd(PrefixNode node, TokenIds tokens, int block, EndStates states) {
    PrefixNode there = tokens.size() == 0 ? node : node.ends.get(tokens);
    if (there != null && there.snapshot >= 0) {
      if (there.draftModelTokens >= states.draftModelTokens() || there.heldEnds > 0) {
        use(there);
        return false;
      }
      dropSnapshot(there);
    }
    PrefixNode end = tokens.size() == 0 ? node : addEnd(node, tokens, block);
    end.snapshot = states.slot();
    end.pendingTokens = states.pendingTokens();
    end.draftModelTokens = states.draftModelTokens();
    snapshots.add(end);
    foundPrompt = null;
    return true;
  }

  /// A new end behind a pinned node, which needs a snapshot; the block is the cache's from now on.
  PrefixNode addEnd(PrefixNode node, TokenIds tokens, int block) {
    PrefixNode end = node.end(tokens, block);
    node.ends.put(tokens, end);
    nodes++;
    end.lastUsed = ++clock;
    evictable.add(end);
    return end;
  }

  /// Claims every block and every slot that the cache has.
  public void claim(BitSet blocks, BitSet slots) {
    forEach(node -> {
      if (node.block >= 0) {
        blockPool.claim(node.block, blocks);
      }
      if (node.snapshot >= 0) {
        slotPool.claim(node.snapshot, slots);
      }
    });
  }

  void forEach(Consumer<PrefixNode> action) {
    roots.values().forEach(root -> root.forEachBehind(action));
  }

  /// Checks the counts and lists against the tree, and the pins against the open paths.
  ///
  /// @throws EngineException INTERNAL naming the first that is wrong
  public void checkIntegrity(Collection<PromptPath> open) {
    new PrefixIntegrity(this::forEach, evictable, snapshots).check(nodes, pinnedNodes, open);
    held.checkIntegrity();
  }

  /// Evicts all that open sequences do not use and nobody holds.
  ///
  /// @return blocks and state slots that are free again
  public int clear() {
    int free = blockPool.free() + slotPool.free();
    for (PrefixNode node = firstNotHeld(); !node.isRoot(); node = firstNotHeld()) {
      dropSnapshot(node);
    }
    while (!evictable.isEmpty()) {
      evictLeaf();
    }
    return blockPool.free() + slotPool.free() - free;
  }
}
