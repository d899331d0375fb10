package dev.krait.scheduler;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.List;
import java.util.Optional;

/// Applies one entry of a step's answer to its sequence: commit, append, decide whether it ended.
final class StepUpdate {

  /// What became of the sequence.
  enum Outcome {
    /// It needs more steps.
    CONTINUES,
    /// Its last token is a stop token.
    STOPPED,
    /// It has all tokens that it may have.
    COMPLETE,
    /// Its next token could not be chosen; see [StepOutput#failure].
    FAILED
  }

  private final DraftLengths draftLengths;
  private final SchedulerStats stats;
  private final List<CacheCopy> cacheCopies;

  /// @param cacheCopies is given the copies that kept prefixes need
  StepUpdate(DraftLengths draftLengths, SchedulerStats stats, List<CacheCopy> cacheCopies) {
    this.draftLengths = draftLengths;
    this.stats = stats;
    this.cacheCopies = cacheCopies;
  }

  Outcome apply(StepPlan plan, StepOutput output, int entry, ActiveSequence sequence, long now) {
    int firstPosition = plan.firstPosition(entry);
    int known = plan.tokens(entry);
    int drafts = plan.draftTokens(entry);
    boolean chooses = plan.choosesToken(entry);
    int newTokens = output.newTokens(entry);
    if (output.failure(entry) != null) {
      return Outcome.FAILED;
    }
    check(sequence, newTokens, chooses ? 1 : 0, chooses ? 1 + drafts : 0);

    stats.promptTokens += Math.max(0, Math.min(known, sequence.promptTokens() - firstPosition));
    Optional<SlotCopy> copy = sequence.commit(known + drafts, drafts > 0 ? newTokens : known);
    if (copy.isPresent()) {
      cacheCopies.add(copy.get());
    }
    if (drafts > 0) {
      observeDrafts(sequence, drafts, output.draftedTokens(entry), output.acceptedTokens(entry));
    }
    sequence.stream().appendPromptLogprobs(firstPosition + 1, output.promptLogprobs(entry));
    Outcome outcome = chooses ? append(output, entry, sequence, now) : Outcome.CONTINUES;
    if (outcome == Outcome.CONTINUES) {
      sequence.stream().publish();
    }
    return outcome;
  }

  /// Appends new tokens up to the end of the generation and drops those beyond.
  private Outcome append(StepOutput output, int entry, ActiveSequence sequence, long now) {
    for (int i = 0; i < output.newTokens(entry); i++) {
      if (sequence.leftOutput() == 0) {
        return Outcome.COMPLETE;
      }
      int token = output.newToken(entry, i);
      sequence.append(token, now);
      sequence.stream().append(token, output.logprobs(entry, i));
      stats.generatedTokens++;
      if (sequence.stopsAt(token)) {
        return Outcome.STOPPED;
      }
    }
    return sequence.leftOutput() == 0 ? Outcome.COMPLETE : Outcome.CONTINUES;
  }

  private void observeDrafts(ActiveSequence sequence, int allowed, int drafted, int accepted) {
    check(sequence, accepted, 0, drafted);
    sequence.addDrafts(drafted, accepted);
    stats.addDrafts(drafted, accepted);
    draftLengths.observe(sequence, allowed, drafted, accepted);
  }

  private static void check(ActiveSequence sequence, int tokens, int least, int most) {
    if (tokens < least || tokens > most) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "new tokens of sequence %d: %d (expected: %d to %d)"
              .formatted(sequence.id(), tokens, least, most));
    }
  }
}
