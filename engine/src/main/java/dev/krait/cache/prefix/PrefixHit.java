package dev.krait.cache.prefix;

/// What the prefix cache has of a prompt.
///
/// @param node the longest prefix that a sequence can start behind; the root when there is none
/// @param matchedTokens tokens of the longest kept prefix, whether a sequence can start there or
///   not
record PrefixHit(PrefixNode node, int matchedTokens) {}
