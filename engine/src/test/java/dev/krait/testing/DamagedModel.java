package dev.krait.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A copy of a model folder whose JSON files can be changed key by key.
///
/// @param folder the copy
public record DamagedModel(Path folder) {
  private static final String MARK = "value-to-be-replaced";
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
          .build();

  /// Copies a fixture of `src/test/resources/models` into an empty folder.
  public static DamagedModel of(String fixture, Path into) {
    return copy(GoldenModel.folder(fixture), into);
  }

  /// Copies the files of a folder into an empty one, except for expected values.
  public static DamagedModel copy(Path from, Path into) {
    try (var files = Files.list(from)) {
      List<Path> kept =
          files.filter(file -> !file.getFileName().toString().startsWith("expected")).toList();
      for (Path file : kept) {
        Files.copy(file, into.resolve(file.getFileName()));
      }
      return new DamagedModel(into);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /// Sets a key, with dots between the levels, to a value written as in the file, `NaN` included.
  public DamagedModel with(String file, String key, String value) {
    ObjectNode root = read(file);
    ObjectNode at = root;
    String[] levels = key.split("\\.", -1);
    for (int i = 0; i < levels.length - 1; i++) {
      at = (ObjectNode) at.get(levels[i]);
    }
    at.put(levels[levels.length - 1], MARK);
    return write(file, JSON.writeValueAsString(root).replace('"' + MARK + '"', value));
  }

  /// Removes a key of the outermost level.
  public DamagedModel without(String file, String key) {
    ObjectNode root = read(file);
    root.remove(key);
    return write(file, JSON.writeValueAsString(root));
  }

  /// Removes a file.
  public DamagedModel without(String file) {
    try {
      Files.delete(folder.resolve(file));
      return this;
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /// Replaces text of a binary file by text of the same length.
  public DamagedModel replaced(String file, String from, String to) {
    try {
      String bytes = Files.readString(folder.resolve(file), StandardCharsets.ISO_8859_1);
      Files.writeString(folder.resolve(file), bytes.replace(from, to), StandardCharsets.ISO_8859_1);
      return this;
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private ObjectNode read(String file) {
    return (ObjectNode) JSON.readTree(folder.resolve(file).toFile());
  }

  private DamagedModel write(String file, String text) {
    try {
      Files.writeString(folder.resolve(file), text);
      return this;
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
