package dev.krait.cache.prefix;

import dev.krait.generation.TokenIds;

/// What the prefix cache has of a prompt.
///
/// @param start the longest prefix that a sequence can start behind, which may be an end; the root
///   when there is none
/// @param matchedTokens tokens of the longest kept prefix of whole blocks, whether a sequence can
///   start there or not
record PrefixHit(PrefixNode start, int matchedTokens) {

  /// Walks from a root along the first `most` tokens of a prompt.
  static PrefixHit search(PrefixNode root, TokenIds prompt, int most, PrefixCache cache) {
    PrefixNode deepest = root;
    PrefixNode start = longestEnd(root, prompt, most, root);
    while (deepest.end + cache.blockTokens() <= most) {
      PrefixNode next =
          deepest.children.get(prompt.slice(deepest.end, deepest.end + cache.blockTokens()));
      if (next == null) {
        break;
      }
      deepest = next;
      if (!cache.recurs() || next.snapshot >= 0) {
        start = next;
      }
      start = longestEnd(next, prompt, most, start);
    }
    return new PrefixHit(start, deepest.end);
  }

  /// The longest of a node's ends that a prompt goes on from; `otherwise` where there is none.
  private static PrefixNode longestEnd(
      PrefixNode node, TokenIds prompt, int most, PrefixNode otherwise) {
    PrefixNode longest = otherwise;
    for (PrefixNode end : node.ends.values()) {
      if (end.end > longest.end
          && end.end <= most
          && prompt.slice(node.end, end.end).equals(end.tokens)) {
        longest = end;
      }
    }
    return longest;
  }

  /// The node of the last whole block before the start.
  PrefixNode node() {
    PrefixNode parent = start.parent;
    return start.isEnd && parent != null ? parent : start;
  }
}
