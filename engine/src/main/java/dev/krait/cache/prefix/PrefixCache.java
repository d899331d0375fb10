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
/// An open sequence pins the nodes of its prompt. What is not pinned is evicted when somebody needs
/// the room: blocks from the ends of the least recently used prefixes. Snapshots are evicted in the
/// order of their use, whether their nodes are pinned or not.
public final class PrefixCache {
  /// Most nodes where no layer attends, so that blocks do not bound them.
  private static final int MAX_NODES = 1 << 16;

  private final int minTokens;
  private final BlockPool blockPool;
  private final SlotPool slotPool;
  private final PrefixNode root = PrefixNode.root();

  /// Nodes that may be evicted, least recently used first.
  private final TreeSet<PrefixNode> evictable = new TreeSet<>();

  /// Nodes with a snapshot, least recently used first.
  private final LinkedHashSet<PrefixNode> snapshots = new LinkedHashSet<>();

  private final HeldPrefixes held = new HeldPrefixes(this);
  private int nodes;
  private int pinnedNodes;
  private long clock;

  /// The last answer of [#find], which holds until a node or a snapshot comes or goes.
  private @Nullable TokenIds foundPrompt;

  private PrefixHit found = new PrefixHit(root, 0);

  /// A cache that keeps nothing yet.
  ///
  /// @param policy where states of prompts are kept
  public PrefixCache(SnapshotPolicy policy, BlockPool blockPool, SlotPool slotPool) {
    minTokens = policy.minTokens();
    this.blockPool = blockPool;
    this.slotPool = slotPool;
  }

  /// The empty prefix.
  PrefixNode root() {
    return root;
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
  public PromptPath open(TokenIds prompt) {
    return new PromptPath(this, find(prompt), prompt);
  }

  /// The longest kept prefix of a prompt, and the longest that a sequence can start behind; at
  /// least one token is left to compute.
  PrefixHit find(TokenIds prompt) {
    if (!Objects.equals(prompt, foundPrompt)) {
      found = search(prompt, prompt.size() - 1);
      foundPrompt = prompt;
    }
    return found;
  }

  /// The same among the first `most` tokens.
  PrefixHit search(TokenIds prompt, int most) {
    PrefixNode deepest = root;
    PrefixNode usable = root;
    while (deepest.end + blockTokens() <= most) {
      PrefixNode next =
          deepest.children.get(prompt.slice(deepest.end, deepest.end + blockTokens()));
      if (next == null) {
        break;
      }
      deepest = next;
      if (!slotPool.isNeeded() || next.snapshot >= 0) {
        usable = next;
      }
    }
    return new PrefixHit(usable, deepest.end);
  }

  /// The prefixes that are held for conversations.
  public HeldPrefixes held() {
    return held;
  }

  /// Blocks of a prompt's longest kept prefix that open sequences use.
  public int sharedPrefixBlocks(TokenIds prompt) {
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
    for (PrefixNode node = end; node.parent != null; node = node.parent) {
      pinNext(node);
    }
    if (snapshots.remove(end)) {
      snapshots.add(end);
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
    for (PrefixNode node = end; node.parent != null; node = node.parent) {
      node.lastUsed = clock;
      if (--node.pins == 0) {
        pinnedNodes--;
        noteEvictable(node);
      }
    }
  }

  /// A node that somebody holds now is not evicted.
  void noteHeld(PrefixNode node) {
    evictable.remove(node);
  }

  /// A node that may have become evictable.
  void noteEvictable(PrefixNode node) {
    if (node.isEvictable()) {
      evictable.add(node);
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
    PrefixNode leaf = evictable.removeFirst();
    PrefixNode parent = leaf.parent;
    if (parent == null) {
      throw new EngineException(ErrorCode.INTERNAL, "prefix cache: the root evicted");
    }
    parent.children.remove(leaf.tokens);
    foundPrompt = null;
    nodes--;
    if (leaf.block >= 0) {
      blockPool.give(leaf.block);
    }
    if (leaf.snapshot >= 0) {
      snapshots.remove(leaf);
      dropSnapshot(leaf);
    }
    noteEvictable(parent);
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
    snapshots.remove(first);
    dropSnapshot(first);
  }

  private PrefixNode firstNotHeld() {
    for (PrefixNode node : snapshots) {
      if (node.heldEnds == 0) {
        return node;
      }
    }
    return root;
  }

  private void dropSnapshot(PrefixNode node) {
    slotPool.give(node.snapshot);
    node.snapshot = -1;
    node.snapshotHasDraftModel = false;
    foundPrompt = null;
  }

  /// A slot for the states behind a node, which the caller fills; -1 when none is worth having: the
  /// node has one as good, or running sequences have all slots.
  ///
  /// @param hasDraftModel the draft model's states are there too
  int takeSnapshot(PrefixNode node, boolean hasDraftModel) {
    if (!slotPool.isNeeded()
        || (node.snapshot >= 0 && (node.snapshotHasDraftModel || !hasDraftModel))) {
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
    node.snapshotHasDraftModel = hasDraftModel;
    return node.snapshot;
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
    visit(root, action);
  }

  private static void visit(PrefixNode node, Consumer<PrefixNode> action) {
    for (PrefixNode child : node.children.values()) {
      action.accept(child);
      visit(child, action);
    }
  }

  /// Checks the counts and lists against the tree, and the pins against the open paths.
  ///
  /// @throws EngineException INTERNAL naming the first that is wrong
  public void checkIntegrity(Collection<PromptPath> open) {
    checkLists();
    held.checkIntegrity();
    Map<PrefixNode, Integer> pins = new HashMap<>();
    for (PromptPath path : open) {
      for (PrefixNode node = path.tail(); node.parent != null; node = node.parent) {
        pins.merge(node, 1, Integer::sum);
      }
    }
    forEach(node -> {
      int expected = pins.getOrDefault(node, 0);
      if (node.pins != expected) {
        throw new EngineException(
            ErrorCode.INTERNAL, "pins of a prefix: " + node.pins + " (expected: " + expected + ")");
      }
    });
  }

  private void checkLists() {
    int[] seen = new int[4];
    BitSet slots = new BitSet();
    forEach(node -> {
      seen[0]++;
      seen[1] += node.pins > 0 ? 1 : 0;
      seen[2] += node.isEvictable() ? 1 : 0;
      if (node.snapshot >= 0) {
        seen[3]++;
        slots.set(node.snapshot);
      }
      if (node.isEvictable() != evictable.contains(node)
          || (node.snapshot >= 0) != snapshots.contains(node)) {
        throw new EngineException(
            ErrorCode.INTERNAL, "prefix of " + node.end + " tokens: in the wrong list");
      }
    });
    if (seen[0] != nodes
        || seen[1] != pinnedNodes
        || seen[2] != evictable.size()
        || seen[3] != snapshots.size()
        || slots.cardinality() != snapshots.size()) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "prefix cache: %d blocks, %d pinned, %d free ends, %d snapshots in %d slots (expected: %d, %d, %d, %d)"
              .formatted(
                  seen[0],
                  seen[1],
                  seen[2],
                  seen[3],
                  slots.cardinality(),
                  nodes,
                  pinnedNodes,
                  evictable.size(),
                  snapshots.size()));
    }
  }
}
