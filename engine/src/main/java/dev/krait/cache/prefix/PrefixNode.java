package dev.krait.cache.prefix;

import dev.krait.generation.TokenIds;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One block of tokens behind the blocks of its parents: an edge of the tree of kept prefixes. An
/// end has fewer tokens, and nothing behind it.
final class PrefixNode implements Comparable<PrefixNode> {
  /// None for a root, which stands for the empty prefix.
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

  /// Of a root: the salt of the prompts behind it.
  final String salt;

  private PrefixNode(
      @Nullable PrefixNode parent, TokenIds tokens, int block, boolean isEnd, String salt) {
    this.parent = parent;
    this.salt = salt;
    this.tokens = tokens;
    end = tokens.size() + (parent == null ? 0 : parent.end);
    this.block = block;
    this.isEnd = isEnd;
  }

  /// The empty prefix of prompts of a salt.
  static PrefixNode root(String salt) {
    return new PrefixNode(null, TokenIds.empty(), -1, false, salt);
  }

  /// The node of one more block.
  PrefixNode child(TokenIds more, int blockIndex) {
    return new PrefixNode(this, more, blockIndex, false, salt);
  }

  /// An end behind it.
  PrefixNode end(TokenIds more, int blockIndex) {
    return new PrefixNode(this, more, blockIndex, true, salt);
  }

  boolean isRoot() {
    return parent == null;
  }

  /// Nothing is kept behind it and nobody uses or holds it.
  boolean isUnused() {
    return pins == 0 && holds == 0 && children.isEmpty() && ends.isEmpty();
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
    return parent != null && isUnused();
  }

  /// Least recently used first, and the end of a path before its start.
  @Override
  public int compareTo(PrefixNode other) {
    int byUse = Long.compare(lastUsed, other.lastUsed);
    return byUse != 0 ? byUse : Integer.compare(other.end, end);
  }
}
