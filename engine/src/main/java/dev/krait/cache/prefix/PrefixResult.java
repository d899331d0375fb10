package dev.krait.cache.prefix;

/// What looking a prompt up in the prefix cache gave.
public enum PrefixResult {
  /// A sequence starts behind a part of it.
  FOUND,
  /// It is not longer than a block.
  TOO_SHORT,
  /// No kept prompt starts with the same block.
  NEW,
  /// Kept prompts start alike, but no recurrent state was kept where it would be needed.
  NO_STATE
}
