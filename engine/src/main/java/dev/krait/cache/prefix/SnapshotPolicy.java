package dev.krait.cache.prefix;

import dev.krait.error.EngineException;

/// Where recurrent states of a prompt are kept. The prompt's computation stops there for a moment,
/// which takes a step of its own.
///
/// @param cutMultiple prompts may be cut at multiples of this many tokens
/// @param leastTokens tokens that a snapshot must lie behind the one before it to be worth a step
public record SnapshotPolicy(int cutMultiple, int leastTokens) {

  /// Checks the ranges.
  public SnapshotPolicy {
    if (cutMultiple < 1 || leastTokens < 1) {
      throw EngineException.invalidArgument(
          "snapshots", cutMultiple + ", " + leastTokens, "1 or more");
    }
  }

  /// The least multiple that is also one of whole blocks.
  int multiple(int blockTokens) {
    int multiple = blockTokens;
    while (multiple % cutMultiple != 0) {
      multiple += blockTokens;
    }
    return multiple;
  }
}
