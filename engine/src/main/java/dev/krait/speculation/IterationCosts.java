package dev.krait.speculation;

/// Measured time of an iteration by draft length: the target's step, the drafter's steps, and what
/// a drafter pays that has not followed.
final class IterationCosts {
  /// Fewer caught-up tokens are lost in the noise of a step.
  private static final int CATCH_UP_TOKENS = 16;

  /// Time of catching up with a token over that of a draft step, until it is measured.
  private static final double CATCH_UP_PRIOR = 1.0 / 8;

  private static final double CATCH_UP_WEIGHT_DOWN = 0.5;
  private static final double CATCH_UP_WEIGHT_UP = 0.1;

  private final int maxDraftTokens;
  private final StepCosts target;
  private final StepCosts draft;

  /// By draft length for [#costsFor] running sequences; filled once a step.
  private final double[] costs;

  private int costsFor = -1;
  private double catchUpNanos;

  /// Nothing measured yet.
  ///
  /// @param maxStepTokens most tokens of a step
  IterationCosts(int maxDraftTokens, int maxStepTokens) {
    this.maxDraftTokens = maxDraftTokens;
    target = new StepCosts(maxStepTokens);
    draft = new StepCosts(maxStepTokens);
    costs = new double[maxDraftTokens + 1];
  }

  /// True when no step of the target has been timed.
  boolean isEmpty() {
    return target.isEmpty();
  }

  /// How often a target step of so many tokens has been timed, as far as it matters.
  int samples(int tokens) {
    return target.samples(tokens);
  }

  /// Steps of the target since one with that draft length was measured.
  long age(int draftTokens, int running) {
    return target.age(running * (1 + draftTokens));
  }

  /// Adds a target step.
  void observeTarget(int tokens, double nanos) {
    costsFor = -1;
    target.observe(tokens, nanos);
  }

  /// Adds a round of the drafter.
  ///
  /// @param sequences sequences that were drafted for
  /// @param depth longest draft
  /// @param caughtUp what [Drafter#propose] returned
  void observeDrafts(int sequences, int depth, int caughtUp, double nanos) {
    costsFor = -1;
    if (caughtUp == 0) {
      draft.observe(sequences, nanos / depth);
    } else if (caughtUp >= CATCH_UP_TOKENS) {
      double extra = Math.max(0, nanos - depth * draft.estimate(sequences)) / caughtUp;
      double weight = extra < catchUpNanos ? CATCH_UP_WEIGHT_DOWN : CATCH_UP_WEIGHT_UP;
      catchUpNanos += (catchUpNanos == 0 ? 1 : weight) * (extra - catchUpNanos);
    }
  }

  /// Nanoseconds of an iteration in which every running sequence has so many drafts.
  ///
  /// Steps together never cost more than one after the other, whatever was measured in a bad
  /// moment: a length that looks worse than that is still worth a check.
  double of(int draftTokens, int running) {
    if (costsFor != running) {
      double plain = target.estimate(running);
      double draftStep = Math.min(draft.estimate(running), plain);
      for (int k = 0; k <= maxDraftTokens; k++) {
        costs[k] = Math.min(target.estimate(running * (1 + k)), plain * (1 + k)) + k * draftStep;
      }
      costsFor = running;
    }
    return costs[draftTokens];
  }

  /// Nanoseconds for a token that the drafter has missed; many are caught up with at a time, so at
  /// most those of a draft step.
  double catchUp() {
    double step = draft.estimate(1);
    return catchUpNanos == 0 ? CATCH_UP_PRIOR * step : Math.min(catchUpNanos, step);
  }
}
