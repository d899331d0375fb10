package dev.krait.speculation;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;

/// Proposes tokens that may follow.
public interface Drafter extends AutoCloseable {

  /// Fills up to `plan.draftTokens(i)` drafts for each entry.
  ///
  /// Called before the target's step with every plan, so that a drafter with a memory of its own
  /// can follow prompts.
  ///
  /// @param minConfidence a drafter that knows how sure it is ends an entry's drafts with the one
  ///   that takes [Drafts#confidence] below this; 0 to draft as many as planned
  /// @param followsPrompts whether prompt chunks are worth following now; what is left out is
  ///   caught up with when it is needed
  /// @return known tokens that drafting sequences had to catch up with, beyond the two that a round
  ///   may settle
  int propose(StepPlan plan, Drafts drafts, double minConfidence, boolean followsPrompts);

  /// Makes a copy within the drafter's own caches, if it has any.
  default void copy(CacheCopy copy) {}

  /// A sequence ended or lost its memory.
  void forget(Sequence sequence);

  @Override
  void close();
}
