package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// Says what a path is that people take for a model folder: an id of a hub, a GGUF file, an
/// adapter, files that Git LFS has not fetched, quantised weights.
public final class CheckpointFolder {
  private static final String CONFIG = "config.json";
  private static final String LFS = "version https://git-lfs.github.com/spec/v1";
  private static final String GGUF = "GGUF";
  private static final int MAX_POINTER_BYTES = 1024;
  private static final String ID = "[A-Za-z0-9][\\w.-]*/[\\w.-]+";
  private static final String FOLDER =
      "a model folder in the Hugging Face layout, with config.json and safetensors";
  private static final String UNQUANTISED =
      "weights of 16 or 32 bits: the model that this one was quantised from";

  private CheckpointFolder() {}

  /// Refuses what is no model folder, in words that say what to do.
  ///
  /// @throws EngineException NOT_FOUND or INVALID_CHECKPOINT
  public static void require(Path folder) {
    if (!Files.exists(folder)) {
      throw InvalidFile.notFound(folder, "no such folder", missing(folder));
    }
    if (!Files.isDirectory(folder)) {
      throw InvalidFile.notFound(
          folder, isGguf(folder) ? "a GGUF file, which is not supported" : "a file", FOLDER);
    }
    requireNoOtherFormat(folder);
    pointer(folder)
        .ifPresent(file -> {
          throw InvalidFile.of(
              file,
              "content",
              "a Git LFS pointer",
              "the file that it points to: `git lfs pull` in the folder fetches it");
        });
  }

  private static String missing(Path folder) {
    String name = folder.toString();
    return name.matches(ID)
        ? "a model folder; if this is a Hugging Face id: hf download "
            + name
            + " --local-dir DIR"
            + ", then DIR as the model"
        : "a model folder";
  }

  private static void requireNoOtherFormat(Path folder) {
    if (Files.exists(folder.resolve("adapter_config.json"))) {
      throw InvalidFile.notFound(
          folder,
          "an adapter" + base(folder).map(base -> " for " + base).orElse(""),
          "a whole model: the adapter merged into its base, as PEFT's merge_and_unload() does");
    }
    if (!Files.exists(folder.resolve(CONFIG))
        && !files(folder, CheckpointFolder::isGguf).isEmpty()) {
      throw InvalidFile.notFound(folder, "GGUF files, which are not supported", FOLDER);
    }
  }

  private static Optional<String> base(Path folder) {
    return CheckpointConfig.read(folder.resolve("adapter_config.json"))
        .optionalText("base_model_name_or_path");
  }

  /// Refuses quantised weights by the name of their method.
  ///
  /// @throws EngineException INVALID_CHECKPOINT
  public static void requireUnquantised(CheckpointConfig config) {
    Optional<CheckpointConfig> quantised =
        config.object("quantization_config").or(() -> config.object("compression_config"));
    quantised.ifPresent(in -> {
      throw in.invalid(
          "quant_method", in.optionalText("quant_method").orElse("not named"), UNQUANTISED);
    });
    for (String file :
        List.of("quantize_config.json", "quant_config.json", "hf_quant_config.json")) {
      Path beside = Path.of(config.file()).resolveSibling(file);
      if (Files.exists(beside)) {
        throw InvalidFile.of(beside, "weights", "quantised", UNQUANTISED);
      }
    }
  }

  private static Optional<Path> pointer(Path folder) {
    return files(folder, file -> begins(file, LFS, MAX_POINTER_BYTES)).stream().findFirst();
  }

  private static boolean isGguf(Path file) {
    return file.toString().endsWith(".gguf") || begins(file, GGUF, Long.MAX_VALUE);
  }

  private static List<Path> files(Path folder, Predicate<Path> which) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(Files::isRegularFile).filter(which).sorted().toList();
    } catch (IOException failure) {
      throw InvalidFile.unreadable(folder, failure);
    }
  }

  private static boolean begins(Path file, String start, long maxBytes) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] expected = start.getBytes(StandardCharsets.US_ASCII);
      return Files.size(file) <= maxBytes
          && Arrays.equals(in.readNBytes(expected.length), expected);
    } catch (IOException unreadable) {
      // Whoever needs the file says so.
      return false;
    }
  }
}
