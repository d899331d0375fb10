package dev.krait.scheduler;

/// Offers drafts to decoding sequences.
final class DraftPlanner {
  private final DraftLengths lengths;
  private final int maxDraftTokens;

  DraftPlanner(DraftLengths lengths, int maxDraftTokens) {
    this.lengths = lengths;
    this.maxDraftTokens = maxDraftTokens;
  }

  /// Offers drafts with what tokens and blocks are left; nobody gives way for them.
  ///
  /// @return false when the step in flight has to end first: drafts follow known tokens
  boolean plan(RunningList running, TokenBudget budget) {
    int size = maxDraftTokens > 0 ? running.size() : 0;
    for (int i = 0; i < size; i++) {
      if (running.at(i).isNextChosen() && lengths.mayDraft(running.at(i), size)) {
        return false;
      }
    }
    for (int i = 0; i < size; i++) {
      ActiveSequence sequence = running.at(i);
      if (sequence.isNextChosen()) {
        lengths.draftTokens(sequence, size);
      } else if (sequence.isDecoding()) {
        offer(sequence, lengths.draftTokens(sequence, size), budget);
      }
    }
    return true;
  }

  private void offer(ActiveSequence sequence, int length, TokenBudget budget) {
    int drafts = Math.min(length, maxDraftTokens);
    drafts = Math.min(drafts, Math.min(sequence.leftOutput(), budget.remaining()));
    if (drafts > 0 && sequence.memory().reserve(0, 1 + drafts)) {
      sequence.planDrafts(drafts);
      budget.take(drafts);
    }
  }
}
