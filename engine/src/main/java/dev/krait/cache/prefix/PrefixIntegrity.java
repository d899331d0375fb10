package dev.krait.cache.prefix;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/// What must hold between the tree of kept prefixes and the lists of its nodes.
///
/// @param all gives an action every node but the roots
/// @param evictable the nodes that may be evicted
/// @param snapshots the nodes with a snapshot
record PrefixIntegrity(
    Consumer<Consumer<PrefixNode>> all, Set<PrefixNode> evictable, Set<PrefixNode> snapshots) {

  /// Checks the counts and lists against the tree, and the pins against the open paths.
  ///
  /// @throws EngineException INTERNAL naming the first that is wrong
  void check(int nodes, int pinnedNodes, Collection<PromptPath> open) {
    checkLists(nodes, pinnedNodes);
    Map<PrefixNode, Integer> pins = new HashMap<>();
    for (PromptPath path : open) {
      for (PrefixNode node = path.tail(); node.parent != null; node = node.parent) {
        pins.merge(node, 1, Integer::sum);
      }
    }
    all.accept(node -> {
      int expected = pins.getOrDefault(node, 0);
      if (node.pins != expected) {
        throw new EngineException(
            ErrorCode.INTERNAL, "pins of a prefix: " + node.pins + " (expected: " + expected + ")");
      }
    });
  }

  private void checkLists(int nodes, int pinnedNodes) {
    int[] seen = new int[4];
    BitSet slots = new BitSet();
    all.accept(node -> {
      seen[0]++;
      seen[1] += node.pins > 0 ? 1 : 0;
      seen[2] += node.isEvictable() ? 1 : 0;
      if (node.snapshot >= 0) {
        seen[3]++;
        slots.set(node.snapshot);
      }
      if (node.isEvictable() != evictable.contains(node)
          || (node.snapshot >= 0) != snapshots.contains(node)
          || (node.isEnd && node.snapshot < 0)) {
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
