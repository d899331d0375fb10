package dev.krait.cache.prefix;

import dev.krait.generation.TokenIds;

/// A prefix that is kept for somebody who will go on behind it. It is given up when its place is
/// needed by running sequences or by what is held later; then it holds no token any more.
public final class HeldPrefix {
  private final int blockTokens;
  private PrefixNode end;

  HeldPrefix(PrefixNode end, int blockTokens) {
    this.end = end;
    this.blockTokens = blockTokens;
  }

  /// How many tokens are held.
  public int tokens() {
    return end.end;
  }

  /// The salt of the prompts that find it.
  public String salt() {
    return end.salt;
  }

  /// The tokens that are held.
  public TokenIds tokenIds() {
    int[] ids = new int[end.end];
    for (PrefixNode node = end; node.parent != null; node = node.parent) {
      node.tokens.copyTo(ids, node.parent.end);
    }
    return TokenIds.of(ids);
  }

  /// Their key/value blocks in order; -1 for each where no layer attends.
  public int[] blocks() {
    int[] blocks = new int[Math.ceilDiv(end.end, blockTokens)];
    int next = blocks.length;
    for (PrefixNode node = end; node.parent != null; node = node.parent) {
      blocks[--next] = node.block;
    }
    return blocks;
  }

  /// The slot with the states behind them; -1 where no layer is recurrent.
  public int stateSlot() {
    return end.snapshot;
  }

  PrefixNode end() {
    return end;
  }

  /// Holds nothing any more.
  void giveUp(PrefixNode root) {
    end = root;
  }
}
