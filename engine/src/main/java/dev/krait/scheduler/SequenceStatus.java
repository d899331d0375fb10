package dev.krait.scheduler;

/// Where a sequence is in its life.
public enum SequenceStatus {
  /// In the queue, without memory; new or preempted.
  WAITING,
  /// Holds memory and takes part in steps.
  RUNNING,
  /// Ended; its memory is given back.
  FINISHED
}
