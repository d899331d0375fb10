package dev.krait.scheduler;

import dev.krait.error.EngineException;

/// Limits of the [Scheduler].
///
/// @param maxSequences most sequences that run at once
/// @param maxTokensPerStep most tokens of a step over all sequences, drafts included
/// @param maxDraftTokens most drafted tokens of a sequence in a step; 0 without speculation
public record SchedulerConfig(int maxSequences, int maxTokensPerStep, int maxDraftTokens) {

  /// Checks the ranges.
  public SchedulerConfig {
    check("max-sequences", maxSequences, 1);
    check("max-tokens-per-step", maxTokensPerStep, 1);
    check("max-draft-tokens", maxDraftTokens, 0);
  }

  /// Sequences that may run so that each can have one token in every step.
  int runnableSequences() {
    return Math.min(maxSequences, maxTokensPerStep);
  }

  private static void check(String name, int value, int least) {
    if (value < least) {
      throw EngineException.invalidArgument(name, value, least + " or more");
    }
  }
}
