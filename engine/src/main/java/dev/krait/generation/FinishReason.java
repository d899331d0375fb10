package dev.krait.generation;

/// Why a generation ended.
public enum FinishReason {
  /// A stop token was generated.
  STOP,
  /// The most tokens asked for, or the model's context, is reached.
  LENGTH,
  /// The caller cancelled.
  CANCELLED,
  /// The deadline passed.
  DEADLINE
}
