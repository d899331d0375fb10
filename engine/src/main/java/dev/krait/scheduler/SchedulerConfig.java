package dev.krait.scheduler;

import dev.krait.error.EngineException;

/// Limits of the [Scheduler].
///
/// @param maxSequences most sequences that run at once
/// @param maxTokensPerStep most tokens of a step over all sequences, drafts included
/// @param maxChunkTokens most tokens of one sequence in a step
/// @param chunkMultiple a prompt is cut only at multiples of this, so that the cut does not show in
///   the numbers; 1 cuts anywhere
/// @param maxDraftTokens most drafted tokens of a sequence in a step; 0 without speculation
public record SchedulerConfig(
    int maxSequences,
    int maxTokensPerStep,
    int maxChunkTokens,
    int chunkMultiple,
    int maxDraftTokens) {

  /// Checks the ranges; both token limits must admit one multiple.
  public SchedulerConfig {
    check("max-sequences", maxSequences, 1);
    check("chunk-multiple", chunkMultiple, 1);
    check("max-tokens-per-step", maxTokensPerStep, chunkMultiple);
    check("max-chunk-tokens", maxChunkTokens, chunkMultiple);
    check("max-draft-tokens", maxDraftTokens, 0);
  }

  /// Sequences that may run so that each can have one token in every step and one more of them a
  /// whole multiple of its prompt.
  int runnableSequences() {
    return Math.min(maxSequences, maxTokensPerStep - chunkMultiple + 1);
  }

  private static void check(String name, int value, int least) {
    if (value < least) {
      throw EngineException.invalidArgument(name, value, least + " or more");
    }
  }
}
