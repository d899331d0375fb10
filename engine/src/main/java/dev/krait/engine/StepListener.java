package dev.krait.engine;

/// Is told what the engine thread does, on that thread: it must be quick and must not throw.
public interface StepListener {

  /// A step is done.
  ///
  /// @param stats valid during the call
  void stepDone(StepStats stats);

  /// The engine failed for good; its sequences are ended next. The first that is done after a
  /// failure, with nothing allocated before.
  default void engineFailed(Throwable cause) {}

  /// Hears nothing.
  static StepListener none() {
    return stats -> {};
  }
}
