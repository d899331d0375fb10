package dev.krait.scheduler;

import dev.krait.cache.prefix.PrefixResult;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/// What one step did, in counts; refilled by the [Scheduler] for every step.
public final class SchedulerStats {
  private final int[] acceptedAt;
  int sequences;
  int promptTokens;
  int generatedTokens;
  int draftedTokens;
  int acceptedTokens;
  int draftedSequences;
  int preemptions;
  int queriedTokens;
  int cachedTokens;
  private final Map<PrefixResult, Integer> prefixResults = new EnumMap<>(PrefixResult.class);

  SchedulerStats(int maxDraftTokens) {
    acceptedAt = new int[maxDraftTokens];
  }

  void clear() {
    Arrays.fill(acceptedAt, 0);
    prefixResults.clear();
    sequences = 0;
    promptTokens = 0;
    generatedTokens = 0;
    draftedTokens = 0;
    acceptedTokens = 0;
    draftedSequences = 0;
    preemptions = 0;
    queriedTokens = 0;
    cachedTokens = 0;
  }

  void addDrafts(int drafted, int accepted) {
    draftedSequences += drafted > 0 ? 1 : 0;
    draftedTokens += drafted;
    acceptedTokens += accepted;
    for (int i = 0; i < accepted; i++) {
      acceptedAt[i]++;
    }
  }

  /// Sequences in the step.
  public int sequences() {
    return sequences;
  }

  /// Prompt tokens computed, those recomputed after a preemption included.
  public int promptTokens() {
    return promptTokens;
  }

  /// Tokens generated and kept.
  public int generatedTokens() {
    return generatedTokens;
  }

  /// Tokens proposed by a drafter.
  public int draftedTokens() {
    return draftedTokens;
  }

  /// Proposed tokens that the model confirmed.
  public int acceptedTokens() {
    return acceptedTokens;
  }

  /// Sequences for which something was proposed.
  public int draftedSequences() {
    return draftedSequences;
  }

  /// Sequences whose draft at a position was accepted.
  ///
  /// @param position 0 for the first draft, below the most that can be drafted
  public int acceptedAt(int position) {
    return acceptedAt[position];
  }

  /// Positions that a draft can have.
  public int draftPositions() {
    return acceptedAt.length;
  }

  void addPrefix(PrefixResult result, Sequence started) {
    prefixResults.merge(result, 1, Integer::sum);
    queriedTokens += started.promptTokens();
    cachedTokens += started.computedTokens();
  }

  /// Sequences that started, by what looking their prompts up gave.
  public int prefixResults(PrefixResult result) {
    return prefixResults.getOrDefault(result, 0);
  }

  /// Prompt tokens that were looked up in the prefix cache.
  public int queriedTokens() {
    return queriedTokens;
  }

  /// How many of [#queriedTokens] were found.
  public int cachedTokens() {
    return cachedTokens;
  }

  /// Sequences that lost their memory.
  public int preemptions() {
    return preemptions;
  }
}
