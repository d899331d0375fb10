package dev.krait.cache.prefix;

import dev.krait.error.EngineException;

/// Where recurrent states of a prompt are kept. The prompt's computation stops there for a moment,
/// which takes a step of its own.
///
/// @param minTokens tokens that a snapshot must lie behind the one before it to be worth a step
public record SnapshotPolicy(int minTokens) {

  /// Checks the range.
  public SnapshotPolicy {
    if (minTokens < 1) {
      throw EngineException.invalidArgument("snapshot-tokens", minTokens, "1 or more");
    }
  }
}
