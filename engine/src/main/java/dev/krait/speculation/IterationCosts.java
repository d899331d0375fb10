package dev.krait.speculation;

import dev.krait.speculation.SpeculationReport.Choice;
import java.util.ArrayList;
import java.util.List;

/// Measured time of an iteration by draft length: the target's step, the drafter's steps, and what
/// a drafter pays that has not followed.
final class IterationCosts {
  /// Fewer caught-up tokens are lost in the noise of a step.
  private static final int CATCH_UP_TOKENS = 16;

  /// Time of catching up with a token over that of a draft step, until it is measured.
  private static final double CATCH_UP_PRIOR = 1.0 / 8;

  private static final double CATCH_UP_WEIGHT_DOWN = 0.5;
  private static final double CATCH_UP_WEIGHT_UP = 0.1;

  /// Most running sequences whose costs are kept by themselves.
  static final int MAX_OWN = 8;

  private final int maxDraftTokens;

  /// The target's steps of few running sequences by their number, since as many tokens of one
  /// sequence cost less than of several; nothing at 0.
  private final StepCosts[] targets;

  /// Those of all batches, for larger ones and for those that have not run yet.
  private final StepCosts allTargets;

  private final StepCosts draft;
  private final DraftReach reach;

  /// The target's step by draft length for [#filledFor] running sequences; filled once a step, as
  /// are those below.
  private final double[] steps;

  /// Whole iterations by allowed length.
  private final double[] iterations;

  private double draftStep;
  private int filledFor = -1;
  private double catchUpNanos;

  /// Nothing measured yet.
  ///
  /// @param maxStepTokens most tokens of a step
  /// @param reach how far drafts go; who changes it calls [#reachChanged]
  IterationCosts(int maxDraftTokens, int maxStepTokens, DraftReach reach) {
    this.maxDraftTokens = maxDraftTokens;
    this.reach = reach;
    targets = new StepCosts[MAX_OWN + 1];
    for (int running = 1; running <= MAX_OWN; running++) {
      targets[running] = new StepCosts(Math.min(maxStepTokens, running * (1 + maxDraftTokens)));
    }
    allTargets = new StepCosts(maxStepTokens);
    draft = new StepCosts(maxStepTokens);
    steps = new double[maxDraftTokens + 1];
    iterations = new double[maxDraftTokens + 1];
  }

  /// True when no step of the target has been timed.
  boolean isEmpty() {
    return allTargets.isEmpty();
  }

  /// Of the longest, the shortest and no draft, in this order, the first whose target step has been
  /// timed less than `enough` times; -1 when all are known. One after the other, since the first
  /// step of each kind counts for nothing.
  int minMeasured(int running, int enough) {
    StepCosts target = running <= MAX_OWN ? targets[running] : allTargets;
    if (target.samples(running * (1 + maxDraftTokens)) < enough) {
      return maxDraftTokens;
    }
    for (int k = 1; k >= 0; k--) {
      if (target.samples(running * (1 + k)) < enough) {
        return k;
      }
    }
    return -1;
  }

  /// Steps of the target since one with that draft length was measured.
  long age(int draftTokens, int running) {
    return target(running).age(running * (1 + draftTokens));
  }

  private StepCosts target(int running) {
    return running <= MAX_OWN && !targets[running].isEmpty() ? targets[running] : allTargets;
  }

  /// Drafts go another way than when costs were asked for last.
  void reachChanged() {
    filledFor = -1;
  }

  /// Adds a target step.
  void observeTarget(int running, int tokens, double nanos) {
    filledFor = -1;
    allTargets.observe(tokens, nanos);
    if (running <= MAX_OWN) {
      targets[running].observe(tokens, nanos);
    }
  }

  /// Adds a round of the drafter.
  ///
  /// @param sequences sequences that were drafted for
  /// @param depth longest draft
  /// @param caughtUp what [Drafter#propose] returned
  void observeDrafts(int sequences, int depth, int caughtUp, double nanos) {
    filledFor = -1;
    if (caughtUp == 0) {
      draft.observe(sequences, nanos / depth);
    } else if (caughtUp >= CATCH_UP_TOKENS) {
      double extra = Math.max(0, nanos - depth * draft.estimate(sequences)) / caughtUp;
      double weight = extra < catchUpNanos ? CATCH_UP_WEIGHT_DOWN : CATCH_UP_WEIGHT_UP;
      catchUpNanos += (catchUpNanos == 0 ? 1 : weight) * (extra - catchUpNanos);
    }
  }

  /// Nanoseconds of an iteration in which every running sequence has so many drafts.
  double of(int draftTokens, int running) {
    fill(running);
    return steps[draftTokens] + draftTokens * draftStep;
  }

  /// Nanoseconds of an iteration that allows so many drafts, of which a drafter makes what its
  /// reach says; it takes a step while any of the sequences goes on.
  double allowing(int draftTokens, int running) {
    fill(running);
    return iterations[draftTokens];
  }

  /// What each length promises, for people; nothing where nothing has been measured.
  List<Choice> choices(double acceptance, int running) {
    List<Choice> choices = new ArrayList<>();
    for (int k = 0; k <= maxDraftTokens && !isEmpty(); k++) {
      double tokens = reach.expectedTokens(k, acceptance);
      double nanos = allowing(k, running);
      double gain = tokens / nanos * allowing(0, running) / reach.expectedTokens(0, acceptance);
      choices.add(new Choice(k, tokens, nanos / 1000, gain));
    }
    return choices;
  }

  private void fill(int running) {
    if (filledFor != running) {
      filledFor = running;
      fillSteps(running);
      fillIterations(running);
    }
  }

  /// Steps together never cost more than one after the other, nor fewer tokens more than many,
  /// whatever was measured in a bad moment: the later measurement counts.
  private void fillSteps(int running) {
    StepCosts target = target(running);
    double plain = target.estimate(running);
    for (int k = 0; k <= maxDraftTokens; k++) {
      steps[k] = Math.min(target.estimate(running * (1 + k)), plain * (1 + k));
    }
    for (int k = maxDraftTokens - 1; k >= 0; k--) {
      if (steps[k] > steps[k + 1] && age(k, running) > age(k + 1, running)) {
        steps[k] = steps[k + 1];
      }
    }
    for (int k = 1; k <= maxDraftTokens; k++) {
      steps[k] = Math.max(steps[k], steps[k - 1]);
    }
    draftStep = Math.min(draft.estimate(running), plain);
  }

  private void fillIterations(int running) {
    iterations[0] = steps[0];
    for (int k = 1; k <= maxDraftTokens; k++) {
      double share = reach.share(k);
      double any = 1 - Math.pow(1 - share, running);
      iterations[k] = iterations[k - 1] + share * (steps[k] - steps[k - 1]) + any * draftStep;
    }
  }

  /// Nanoseconds for a token that the drafter has missed; many are caught up with at a time, so at
  /// most those of a draft step.
  double catchUp() {
    double step = draft.estimate(1);
    return catchUpNanos == 0 ? CATCH_UP_PRIOR * step : Math.min(catchUpNanos, step);
  }
}
