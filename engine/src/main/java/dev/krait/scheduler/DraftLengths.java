package dev.krait.scheduler;

/// Decides how many tokens to draft for a sequence, and is told what became of them. Engine thread
/// only.
public interface DraftLengths {

  /// How many tokens to draft for a sequence in the next step; 0 for none. The scheduler may lower
  /// the answer.
  ///
  /// @param sequence a sequence with exactly one token to compute; where the step in flight chooses
  ///   that token, the answer counts as 0
  /// @param runningSequences sequences that run now
  int draftTokens(Sequence sequence, int runningSequences);

  /// Whether [#draftTokens] would answer more than 0 now; asking changes nothing. A step with
  /// drafts begins behind the answer to the one before, a step without them may be submitted ahead
  /// of it.
  default boolean mayDraft(Sequence sequence, int runningSequences) {
    return draftTokens(sequence, runningSequences) > 0;
  }

  /// Outcome of a step for a sequence that was offered drafts.
  ///
  /// @param allowed how many the step allowed
  /// @param drafted tokens that were really proposed, 0 or more
  /// @param accepted how many of them were accepted
  void observe(Sequence sequence, int allowed, int drafted, int accepted);

  /// Always the same length; 0 never drafts.
  static DraftLengths fixed(int draftTokens) {
    return new DraftLengths() {
      @Override
      public int draftTokens(Sequence sequence, int runningSequences) {
        return draftTokens;
      }

      @Override
      public void observe(Sequence sequence, int allowed, int drafted, int accepted) {
        // A fixed length learns nothing.
      }
    };
  }
}
