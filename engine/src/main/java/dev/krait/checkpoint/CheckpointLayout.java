package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Which file of a folder names its tensors: one that holds them, or an index of several.
///
/// @param file the file
/// @param isIndex true for an index
record CheckpointLayout(Path file, boolean isIndex) {
  private static final String INDEX_SUFFIX = ".index.json";
  private static final List<String> KNOWN =
      List.of(
          "model.safetensors",
          "model.safetensors.index.json",
          "pytorch_model.bin",
          "pytorch_model.bin.index.json");
  private static final int MAX_LISTED = 10;

  /// The first known name, else the only safetensors file.
  ///
  /// Known names come first because folders hold other safetensors too, such as adapters.
  static CheckpointLayout find(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw InvalidFile.notFound(
          folder, Files.exists(folder) ? "a file" : "no such folder", "a model folder");
    }
    List<String> names = names(folder);
    Optional<String> known = KNOWN.stream().filter(names::contains).findFirst();
    List<String> safetensors =
        names.stream().filter(name -> name.endsWith(".safetensors")).toList();
    if (known.isEmpty() && safetensors.size() != 1) {
      throw notFound(folder, names);
    }
    String name = known.orElseGet(safetensors::getFirst);
    return new CheckpointLayout(folder.resolve(name), name.endsWith(INDEX_SUFFIX));
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> file.getFileName().toString())
          .sorted()
          .toList();
    } catch (IOException failure) {
      throw InvalidFile.unreadable(folder, failure);
    }
  }

  private static EngineException notFound(Path folder, List<String> names) {
    String listed = String.join(", ", names.subList(0, Math.min(names.size(), MAX_LISTED)));
    int others = names.size() - Math.min(names.size(), MAX_LISTED);
    return InvalidFile.notFound(
        folder,
        "no weights among [" + listed + "]" + (others == 0 ? "" : " and " + others + " more"),
        String.join(", ", KNOWN) + " or a single *.safetensors");
  }
}
