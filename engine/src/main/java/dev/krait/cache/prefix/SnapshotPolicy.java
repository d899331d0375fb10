package dev.krait.cache.prefix;

import dev.krait.error.EngineException;

/// Where recurrent states of a prompt are kept, and which prompts wait for one that is being
/// computed. The computation stops for a snapshot, and who waits starts a step later.
///
/// @param minTokens tokens that a snapshot must lie behind the one before it, and that waiting must
///   save, to be worth a step
public record SnapshotPolicy(int minTokens) {

  /// Checks the range.
  public SnapshotPolicy {
    if (minTokens < 1) {
      throw EngineException.invalidArgument("snapshot-tokens", minTokens, "1 or more");
    }
  }
}
