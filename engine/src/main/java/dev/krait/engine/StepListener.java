package dev.krait.engine;

import dev.krait.error.EngineException;

/// Is told what the engine thread does, on that thread: it must be quick and must not throw.
public interface StepListener {

  /// A step is done.
  ///
  /// @param stats valid during the call
  void stepDone(StepStats stats);

  /// The engine failed for good; every sequence has been ended.
  default void engineFailed(EngineException failure) {}

  /// Hears nothing.
  static StepListener none() {
    return stats -> {};
  }
}
