package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.StepPlan;

/// Proposes tokens that may follow.
public interface Drafter extends AutoCloseable {

  /// Fills up to `plan.draftTokens(i)` drafts for each entry.
  ///
  /// Called before the target's step with every plan, so that a drafter with a memory of its own
  /// can follow prompts.
  void propose(StepPlan plan, Drafts drafts);

  /// A sequence ended or lost its memory.
  void forget(long sequenceId);

  @Override
  void close();
}
