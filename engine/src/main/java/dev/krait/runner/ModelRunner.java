package dev.krait.runner;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;

/// Executes step plans: the boundary between the engine and the device.
public interface ModelRunner extends AutoCloseable {

  /// Starts a step: makes the plan's copies of state slots in all layers, in order, then computes.
  /// A slot's replay window need not be copied. The plan must stay unchanged until the returned
  /// step has been awaited.
  PendingStep submit(StepPlan plan);

  /// How many steps may be submitted before the first of them is awaited, 1 or 2. A runner that
  /// takes 2 computes them in the order of their submission, and an entry of the second may take
  /// the token that the first chooses, see [StepPlan#sourceEntry].
  default int maxPendingSteps() {
    return 1;
  }

  /// Makes a copy within the caches of all layers, after the steps that were submitted before.
  void copy(CacheCopy copy);

  /// Tells the runner that a sequence ended or lost its memory, so that it can free what it holds
  /// for it beside the pools.
  void forget(Sequence sequence);

  /// Frees everything; no step may be pending.
  @Override
  void close();
}
