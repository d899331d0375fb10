package dev.krait.runner;

import dev.krait.scheduler.StepOutput;

/// A submitted step.
public interface PendingStep {

  /// Waits for the step and returns its answer, valid until the runner's next `submit`.
  StepOutput await();
}
