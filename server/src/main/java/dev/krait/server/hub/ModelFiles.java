package dev.krait.server.hub;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Which files of a repository a model needs: its configuration, its tokenizer and one form of its
/// weights, not all the others that repositories hold.
final class ModelFiles {
  static final String CONFIG = "config.json";
  static final String TOKENIZER = "tokenizer.json";
  private static final String ADAPTER = "adapter_config.json";
  private static final String INDEX = ".index.json";

  /// Everything but weights; a repository has some of them. Files of quantisers are there to be
  /// refused by name.
  private static final List<String> SMALL =
      List.of(
          CONFIG,
          "generation_config.json",
          "mamba_config.json",
          TOKENIZER,
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "chat_template.jinja",
          "quantize_config.json",
          "quant_config.json",
          "hf_quant_config.json");

  private static final Pattern TEMPLATE =
      Pattern.compile("additional_chat_templates/\\w[\\w.-]*\\.jinja");

  /// The order in which the engine looks for weights.
  private static final List<String> WEIGHTS =
      List.of(
          "model.safetensors",
          "model.safetensors" + INDEX,
          "pytorch_model.bin",
          "pytorch_model.bin" + INDEX);

  private static final Pattern ONE_OF_SEVERAL = Pattern.compile(".*-\\d+-of-\\d+\\.\\w+");
  private static final Pattern PLAIN = Pattern.compile("\\w[\\w.-]*");

  private ModelFiles() {}

  /// Refuses a repository that holds something else than a model that can be loaded.
  static void require(ModelName name, Collection<String> files) {
    if (files.contains(ADAPTER)) {
      throw refused(name, "an adapter", "a whole model: the adapter merged into its base");
    }
    if (!files.contains(CONFIG) || weights(files).isEmpty()) {
      boolean gguf = files.stream().anyMatch(file -> file.endsWith(".gguf"));
      throw refused(
          name,
          gguf
              ? "GGUF files, which are not supported"
              : "no model: no " + (files.contains(CONFIG) ? "weights" : CONFIG),
          "a repository with config.json and safetensors or pytorch_model.bin");
    }
  }

  /// Refuses a repository without a tokenizer where only that is wanted.
  static void requireTokenizer(ModelName name, Collection<String> files) {
    if (!files.contains(TOKENIZER)) {
      throw refused(name, "no tokenizer.json", "a repository that has one");
    }
  }

  private static EngineException refused(ModelName name, String found, String expected) {
    return new EngineException(
        ErrorCode.NOT_FOUND, "model", name + ": " + found + " (expected: " + expected + ")");
  }

  /// The files beside the weights.
  static List<String> small(Collection<String> files) {
    return files.stream()
        .filter(file -> SMALL.contains(file) || TEMPLATE.matcher(file).matches())
        .sorted()
        .toList();
  }

  /// The files beside the weights that there could be and are not.
  static List<String> absent(Collection<String> files) {
    return SMALL.stream().filter(file -> !files.contains(file)).toList();
  }

  /// The file that holds all weights or the index of those that do.
  static Optional<String> weights(Collection<String> files) {
    Optional<String> known = WEIGHTS.stream().filter(files::contains).findFirst();
    List<String> others =
        files.stream()
            .filter(file -> file.endsWith(".safetensors") && PLAIN.matcher(file).matches())
            .filter(file -> !ONE_OF_SEVERAL.matcher(file).matches())
            .toList();
    return known.or(() -> others.size() == 1 ? Optional.of(others.getFirst()) : Optional.empty());
  }

  /// The files of the weights themselves: those that the index names, where there is one.
  ///
  /// @param folder where the index lies
  /// @param weights what [#weights] found
  /// @throws EngineException INVALID_CHECKPOINT for an index that names no files beside itself
  static Collection<String> shards(Path folder, String weights) {
    if (!weights.endsWith(INDEX)) {
      return List.of(weights);
    }
    Path index = folder.resolve(weights);
    TreeSet<String> shards = new TreeSet<>();
    try {
      for (JsonNode file :
          JsonMapper.shared().readTree(Files.readAllBytes(index)).path("weight_map")) {
        shards.add(file.asString(""));
      }
    } catch (IOException | JacksonException e) {
      throw EngineException.invalidCheckpoint(index + ": " + e.getMessage());
    }
    if (shards.isEmpty() || !shards.stream().allMatch(PLAIN.asMatchPredicate())) {
      throw EngineException.invalidCheckpoint(
          index + ": weight_map: " + shards + " (expected: names of files beside the index)");
    }
    return shards;
  }

  /// Whether a folder has the configuration and all weights.
  static boolean hasModel(Path folder) {
    try (Stream<Path> inside = Files.list(folder)) {
      // A link whose blob is gone is no file.
      List<String> files = new ArrayList<>();
      inside.filter(Files::isRegularFile).forEach(file -> files.add(file.getFileName().toString()));
      return files.contains(CONFIG)
          && weights(files)
              .filter(weights -> files.containsAll(shards(folder, weights)))
              .isPresent();
    } catch (IOException | EngineException unreadable) {
      return false;
    }
  }
}
