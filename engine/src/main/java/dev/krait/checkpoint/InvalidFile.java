package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.nio.file.Path;

/// The errors of this package, all in one form: file, thing, value received, what was expected.
final class InvalidFile {
  private static final int EXCERPT_CHARS = 200;

  private InvalidFile() {}

  static EngineException of(Path file, String thing, Object value, String expected) {
    return EngineException.invalidCheckpoint(
        file + ": " + thing + ": " + excerpt(value.toString()) + " (expected: " + expected + ")");
  }

  /// What the caller named does not exist, as opposed to being broken.
  static EngineException notFound(Path file, String found, String expected) {
    return new EngineException(
        ErrorCode.NOT_FOUND, file + ": " + excerpt(found) + " (expected: " + expected + ")");
  }

  static EngineException unreadable(Path file, Exception cause) {
    return new EngineException(
        ErrorCode.INVALID_CHECKPOINT,
        file + ": cannot be read: " + excerpt(cause.toString()),
        cause);
  }

  /// Text from a file, made safe to print: clipped, control characters replaced.
  static String excerpt(String text) {
    String clipped =
        text.length() <= EXCERPT_CHARS
            ? text
            : text.substring(0, EXCERPT_CHARS) + "... (" + text.length() + " characters)";
    return clipped.replaceAll("[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]", "?");
  }
}
