package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.DraftLengths;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;

/// Decides how many tokens are drafted for a sequence in a step, and learns from what came of it.
public interface DraftLengthPolicy extends DraftLengths {

  /// What an iteration cost.
  ///
  /// @param caughtUp what [Drafter#propose] returned
  /// @param draftNanos time of the drafter
  /// @param targetNanos time of the target's step, choice of tokens included
  void observeStep(StepPlan plan, Drafts drafts, int caughtUp, long draftNanos, long targetNanos);

  /// How sure of all its drafts a drafter must be to make another one, see [Drafter#propose]; asked
  /// after the step's lengths.
  double minConfidence();

  /// True when drafting is likely, so that a drafter does well to follow prompts as they are
  /// computed.
  boolean expectsToDraft();

  /// A sequence ended or lost its memory.
  void forget(Sequence sequence);

  /// What the policy knows and would choose, for people; from any thread.
  SpeculationReport report();
}
