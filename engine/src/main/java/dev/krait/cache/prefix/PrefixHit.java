package dev.krait.cache.prefix;

/// What the prefix cache has of a prompt.
///
/// @param start the longest prefix that a sequence can start behind, which may be an end; the root
///   when there is none
/// @param matchedTokens tokens of the longest kept prefix of whole blocks, whether a sequence can
///   start there or not
record PrefixHit(PrefixNode start, int matchedTokens) {

  /// The node of the last whole block before the start.
  PrefixNode node() {
    PrefixNode parent = start.parent;
    return start.isEnd && parent != null ? parent : start;
  }
}
