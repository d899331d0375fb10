package dev.krait.error;

import org.jspecify.annotations.Nullable;

/// The one unchecked exception of the engine.
///
/// Messages name the thing, the value received and what was expected: `top_p: 1.5 (expected: 0 <
/// top_p <= 1)`.
public final class EngineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;

  /// Creates an exception of a category.
  public EngineException(ErrorCode code, String message) {
    this(code, message, null);
  }

  /// Creates an exception of a category with the failure that caused it.
  public EngineException(ErrorCode code, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /// An [ErrorCode#INVALID_ARGUMENT] in the house form: name, value, expectation.
  public static EngineException invalidArgument(String name, Object value, String expected) {
    return new EngineException(
        ErrorCode.INVALID_ARGUMENT, name + ": " + value + " (expected: " + expected + ")");
  }

  /// An [ErrorCode#INVALID_CHECKPOINT] with a message that names file and thing.
  public static EngineException invalidCheckpoint(String message) {
    return new EngineException(ErrorCode.INVALID_CHECKPOINT, message);
  }

  /// The category.
  public ErrorCode code() {
    return code;
  }
}
