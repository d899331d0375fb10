package dev.krait.error;

/// What kind of failure an [EngineException] reports; each protocol maps every code to a status of
/// its own.
public enum ErrorCode {
  /// The caller sent something that can never succeed: a bad value, malformed input.
  INVALID_ARGUMENT,
  /// The prompt, or the prompt and the tokens asked for, are more than the model's context.
  CONTEXT_LENGTH_EXCEEDED,
  /// The thing asked for does not exist, such as a model name.
  NOT_FOUND,
  /// The request is understood but this build or model cannot do it.
  UNSUPPORTED,
  /// A checkpoint, configuration or template file is broken or unknown.
  INVALID_CHECKPOINT,
  /// The waiting queue is full or a pool can never hold the request; trying later may succeed.
  RESOURCE_EXHAUSTED,
  /// The caller's deadline passed before the work was done.
  DEADLINE_EXCEEDED,
  /// The caller cancelled or went away.
  CANCELLED,
  /// The engine is draining or stopped.
  UNAVAILABLE,
  /// A promise inside the engine was broken, or the device failed.
  INTERNAL
}
