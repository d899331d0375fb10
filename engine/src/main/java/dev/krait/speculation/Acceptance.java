package dev.krait.speculation;

/// Decayed counts of accepted and rejected drafts, of one sequence or of all.
final class Acceptance {
  /// What is assumed before any draft was verified.
  static final double PRIOR = 0.7;

  /// Drafts that a prior counts for.
  private static final double PRIOR_WEIGHT = 8;

  /// Weight that earlier counts keep when an iteration is added. All sequences together remember
  /// for longer: what was assumed at first must count for nothing in the end.
  private static final double DECAY = 0.95;

  private static final double DECAY_OF_ALL = 0.99;

  /// The same when a token was generated without drafts.
  private static final double FADE = 0.98;

  private final double decay;
  private double accepted;
  private double tried;

  /// Known tokens of the sequence that the drafter had been fed when it drafted last.
  int draftModelTokens;

  private Acceptance(double decay) {
    this.decay = decay;
  }

  static Acceptance ofSequence() {
    return new Acceptance(DECAY);
  }

  static Acceptance ofAll() {
    return new Acceptance(DECAY_OF_ALL);
  }

  /// Adds an iteration.
  ///
  /// @param triedTokens accepted drafts, and the one that was rejected
  void observe(int acceptedTokens, int triedTokens) {
    accepted = decay * accepted + acceptedTokens;
    tried = decay * tried + triedTokens;
  }

  /// A token was generated without drafts: what they were like before says less and less.
  void fade() {
    accepted *= FADE;
    tried *= FADE;
  }

  /// Share of drafts that are expected to be accepted, if the ones before are.
  double estimate(double prior) {
    return (accepted + PRIOR_WEIGHT * prior) / (tried + PRIOR_WEIGHT);
  }
}
