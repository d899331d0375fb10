package dev.krait.cache.prefix;

import dev.krait.generation.TokenIds;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One block of tokens behind the blocks of its parents: an edge of the tree of kept prefixes. An
/// end has fewer tokens, and nothing behind it.
final class PrefixNode implements Comparable<PrefixNode> {
  /// None for the root, which stands for the empty prefix.
  final @Nullable PrefixNode parent;

  final TokenIds tokens;

  /// Tokens from the start of the prompt to the end of this block.
  final int end;

  /// Its key/value block; -1 when no layer attends.
  final int block;

  final Map<TokenIds, PrefixNode> children = new HashMap<>();

  /// Where sequences ended within the next block.
  final Map<TokenIds, PrefixNode> ends = new HashMap<>();

  /// Slot with the recurrent states behind these tokens; -1 for none.
  int snapshot = -1;

  /// The last tokens that the snapshot's states do not include yet: their inputs lie in its replay
  /// window.
  int pendingTokens;

  /// Tokens from the start that the snapshot's states of the draft model include; 0 without one.
  int draftModelTokens;

  /// The block also has the draft model's keys and values; then its parents have them too.
  boolean hasDraftModel;

  /// Open sequences whose prefix goes through it.
  int pins;

  /// Held prefixes that go through it, and those that end here.
  int holds;

  int heldEnds;

  /// When it was last pinned, by a counter; the same for all nodes of one path.
  long lastUsed;

  /// It is an end.
  final boolean isEnd;

  private PrefixNode(
      @Nullable PrefixNode parent, TokenIds tokens, int end, int block, boolean isEnd) {
    this.parent = parent;
    this.tokens = tokens;
    this.end = end;
    this.block = block;
    this.isEnd = isEnd;
  }

  /// The empty prefix.
  static PrefixNode root() {
    return new PrefixNode(null, TokenIds.empty(), 0, -1, false);
  }

  /// The node of one more block.
  PrefixNode child(TokenIds more, int blockIndex) {
    return new PrefixNode(this, more, end + more.size(), blockIndex, false);
  }

  /// An end behind it.
  PrefixNode end(TokenIds more, int blockIndex) {
    return new PrefixNode(this, more, end + more.size(), blockIndex, true);
  }

  boolean isRoot() {
    return parent == null;
  }

  /// Gives an action every node and end behind this one.
  void forEachBehind(Consumer<PrefixNode> action) {
    ends.values().forEach(action);
    for (PrefixNode child : children.values()) {
      action.accept(child);
      child.forEachBehind(action);
    }
  }

  /// Nobody needs or holds it, so that it may be evicted.
  boolean isEvictable() {
    return parent != null && pins == 0 && holds == 0 && children.isEmpty() && ends.isEmpty();
  }

  /// Least recently used first, and the end of a path before its start.
  @Override
  public int compareTo(PrefixNode other) {
    int byUse = Long.compare(lastUsed, other.lastUsed);
    return byUse != 0 ? byUse : Integer.compare(other.end, end);
  }
}
