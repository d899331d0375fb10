package dev.krait.cache.prefix;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/// The prefixes that are held for conversations, least recently held first. They are given up after
/// everything that nobody holds has been evicted.
public final class HeldPrefixes {
  private final PrefixCache cache;
  private final LinkedHashSet<HeldPrefix> byUse = new LinkedHashSet<>();
  private int nodes;
  private int ends;

  HeldPrefixes(PrefixCache cache) {
    this.cache = cache;
  }

  /// Nodes that are held.
  public int nodes() {
    return nodes;
  }

  /// Nodes whose states are held.
  public int ends() {
    return ends;
  }

  /// Holds the longest prefix of some tokens that a sequence can start behind and whose states
  /// include all of it, so that they can be read.
  public HeldPrefix hold(PrefixKey key) {
    PrefixNode start = cache.search(key, key.tokens().size()).start();
    while (start.parent != null
        && cache.recurs()
        && (start.snapshot < 0 || start.pendingTokens > 0)) {
      start = start.parent;
    }
    return hold(start);
  }

  /// Holds what another prefix does.
  public HeldPrefix hold(HeldPrefix other) {
    return hold(other.end());
  }

  private HeldPrefix hold(PrefixNode end) {
    HeldPrefix prefix = new HeldPrefix(end, cache.blockTokens());
    if (end.isRoot()) {
      return prefix;
    }
    byUse.add(prefix);
    ends += end.heldEnds++ == 0 ? 1 : 0;
    for (PrefixNode node = end; node.parent != null; node = node.parent) {
      if (node.holds++ == 0) {
        nodes++;
        cache.noteHeld(node);
      }
    }
    return prefix;
  }

  /// Takes a hold back; without effect when it has been given up.
  public void release(HeldPrefix prefix) {
    if (!byUse.remove(prefix)) {
      return;
    }
    PrefixNode end = prefix.end();
    prefix.giveUp(cache.nothing());
    ends -= --end.heldEnds == 0 ? 1 : 0;
    for (PrefixNode node = end; node.parent != null; node = node.parent) {
      if (--node.holds == 0) {
        nodes--;
        cache.noteUnused(node);
      }
    }
  }

  /// Gives up the prefix that was held longest ago.
  ///
  /// @return false when there is none
  public boolean giveUpFirst() {
    if (byUse.isEmpty()) {
      return false;
    }
    release(byUse.getFirst());
    return true;
  }

  /// Puts a prefix that was computed elsewhere in the tree, and holds it; the caller fills blocks
  /// and slot before anything else happens. Empty when there is no room.
  ///
  /// @param blocks gives a block for each node that is missing
  public Optional<HeldPrefix> insert(TokenIds tokens, IntSupplier blocks) {
    PrefixNode node = cache.root("");
    cache.pin(node);
    for (PrefixNode next = child(node, tokens); next != null; next = child(node, tokens)) {
      cache.pinNext(next);
      node = next;
    }
    if (!cache.hasRoom(Math.ceilDiv(tokens.size() - node.end, cache.blockTokens()))) {
      cache.unpin(node);
      return Optional.empty();
    }
    while (node.end + cache.blockTokens() <= tokens.size()) {
      TokenIds next = tokens.slice(node.end, node.end + cache.blockTokens());
      node = cache.add(node, next, blocks.getAsInt());
    }
    TokenIds rest = tokens.slice(node.end, tokens.size());
    PrefixNode end = rest.size() == 0 ? node : node.ends.get(rest);
    if (end == null) {
      end = cache.addEnd(node, rest, blocks.getAsInt());
    }
    cache.takeSnapshot(end, false);
    end.pendingTokens = 0; // the caller's states include all tokens
    HeldPrefix prefix = hold(end);
    cache.unpin(node);
    return Optional.of(prefix);
  }

  private @Nullable PrefixNode child(PrefixNode node, TokenIds tokens) {
    int end = node.end + cache.blockTokens();
    return end <= tokens.size() ? node.children.get(tokens.slice(node.end, end)) : null;
  }

  /// Checks the counts of every node against the prefixes.
  void checkIntegrity() {
    Map<PrefixNode, Integer> holds = new HashMap<>();
    Map<PrefixNode, Integer> heldEnds = new HashMap<>();
    for (HeldPrefix prefix : byUse) {
      heldEnds.merge(prefix.end(), 1, Integer::sum);
      for (PrefixNode node = prefix.end(); node.parent != null; node = node.parent) {
        holds.merge(node, 1, Integer::sum);
      }
    }
    cache.forEach(node -> {
      int all = holds.getOrDefault(node, 0);
      int here = heldEnds.getOrDefault(node, 0);
      if (node.holds != all || node.heldEnds != here) {
        throw new EngineException(
            ErrorCode.INTERNAL,
            "holds of a prefix: %d, %d ends (expected: %d, %d)"
                .formatted(node.holds, node.heldEnds, all, here));
      }
    });
    if (nodes != holds.size() || ends != heldEnds.size()) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "held prefixes: %d blocks, %d ends (expected: %d, %d)"
              .formatted(nodes, ends, holds.size(), heldEnds.size()));
    }
  }
}
