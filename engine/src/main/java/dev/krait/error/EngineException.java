package dev.krait.error;

import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/// The one unchecked exception of the engine.
///
/// Messages name the thing, the value received and what was expected: `top_p: 1.5 (expected: 0 <
/// top_p <= 1)`. A message is one line of at most [#MAX_MESSAGE] characters, whatever was received.
public final class EngineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// Longest message, in characters.
  public static final int MAX_MESSAGE = 2000;

  /// Most characters of a value that a message repeats.
  public static final int MAX_VALUE = 200;

  private final ErrorCode code;
  private final @Nullable String field;
  private final long retryAfterSeconds;

  /// Creates an exception of a category.
  public EngineException(ErrorCode code, String message) {
    this(code, null, message, null);
  }

  /// Creates an exception of a category with the failure that caused it.
  public EngineException(ErrorCode code, String message, Throwable cause) {
    this(code, null, message, cause);
  }

  /// Creates an exception about one field of a request.
  public EngineException(ErrorCode code, String field, String message) {
    this(code, field, message, null);
  }

  /// Creates an exception about one field of a request, if there is one, with the failure that
  /// caused it, if there is one.
  public EngineException(
      ErrorCode code, @Nullable String field, String message, @Nullable Throwable cause) {
    this(code, field, message, cause, 0);
  }

  private EngineException(
      ErrorCode code,
      @Nullable String field,
      String message,
      @Nullable Throwable cause,
      long retryAfterSeconds) {
    super(oneLine(message, MAX_MESSAGE), cause);
    this.code = code;
    this.field = field == null ? null : oneLine(field, MAX_VALUE);
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /// An [ErrorCode#INVALID_ARGUMENT] in the house form: name, value, expectation. The name is the
  /// field.
  public static EngineException invalidArgument(String name, Object value, String expected) {
    return new EngineException(
        ErrorCode.INVALID_ARGUMENT,
        name,
        oneLine(name, MAX_VALUE) + ": " + shown(value) + " (expected: " + expected + ")");
  }

  /// An [ErrorCode#UNSUPPORTED] in the house form, about a field of a request.
  public static EngineException unsupported(String field, Object value, String expected) {
    return new EngineException(
        ErrorCode.UNSUPPORTED,
        field,
        "%s: %s is not supported by this server (expected: %s)"
            .formatted(oneLine(field, MAX_VALUE), shown(value), expected));
  }

  /// An [ErrorCode#RESOURCE_EXHAUSTED] that is known to pass.
  public static EngineException tryLater(String message, long seconds) {
    return new EngineException(ErrorCode.RESOURCE_EXHAUSTED, null, message, null, seconds);
  }

  /// An [ErrorCode#INVALID_CHECKPOINT] with a message that names file and thing.
  public static EngineException invalidCheckpoint(String message) {
    return new EngineException(ErrorCode.INVALID_CHECKPOINT, message);
  }

  /// A value as messages repeat it: on one line, cut after [#MAX_VALUE] characters.
  public static String shown(Object value) {
    return oneLine(String.valueOf(value), MAX_VALUE);
  }

  /// The category.
  public ErrorCode code() {
    return code;
  }

  /// When the caller may try again; empty when nobody knows.
  public OptionalLong retryAfterSeconds() {
    return retryAfterSeconds > 0 ? OptionalLong.of(retryAfterSeconds) : OptionalLong.empty();
  }

  /// The field of the request that is at fault, if one is.
  public Optional<String> field() {
    return Optional.ofNullable(field);
  }

  /// Control characters and line separators as spaces; cut, never inside of a surrogate pair.
  private static String oneLine(String text, int most) {
    int end = text.length();
    if (end > most) {
      end = Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
    }
    StringBuilder line = new StringBuilder(end + 3);
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      boolean breaks = Character.isISOControl(c) || c == '\u2028' || c == '\u2029';
      line.append(breaks ? ' ' : c);
    }
    return end < text.length() ? line.append("...").toString() : line.toString();
  }
}
