package dev.krait.runner;

import dev.krait.scheduler.StepOutput;

/// A submitted step. Steps are awaited once each, in the order of their submission.
public interface PendingStep {

  /// Waits for the step and returns its answer, valid until the next step has been awaited.
  StepOutput await();
}
