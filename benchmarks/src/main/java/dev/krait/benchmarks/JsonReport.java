package dev.krait.benchmarks;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/// The file of `--json`: when it was measured, what holds for all rows, and the rows.
final class JsonReport {
  private JsonReport() {}

  /// Makes the file, unless it is there: what cannot be written is refused before minutes of
  /// measuring.
  static void requireWritable(Path file) {
    try {
      Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND).close();
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "json: "
              + file
              + ": "
              + failure.getClass().getSimpleName()
              + " (expected: a file that can be written)",
          failure);
    }
  }

  /// Writes the file anew.
  static void write(Path file, Map<String, Object> facts, List<Map<String, Object>> rows) {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("time", Instant.now().toString());
    root.putAll(facts);
    root.put("rows", rows);
    try {
      Files.writeString(
          file, JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(root));
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
