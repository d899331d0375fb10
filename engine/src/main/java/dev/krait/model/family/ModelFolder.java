package dev.krait.model.family;

import dev.krait.checkpoint.Checkpoint;
import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.checkpoint.CheckpointFolder;
import dev.krait.error.EngineException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/// A checkpoint folder, opened: its configuration files and its tensors, mapped but not read.
///
/// @param path the folder
/// @param config config.json
/// @param mambaConfig mamba_config.json of the MambaInLlama families
/// @param checkpoint its tensors
public record ModelFolder(
    Path path,
    CheckpointConfig config,
    Optional<CheckpointConfig> mambaConfig,
    Checkpoint checkpoint)
    implements AutoCloseable {
  private static final Pattern LAYER = Pattern.compile("\\.layers\\.(\\d+)\\.");

  /// Opens a folder.
  ///
  /// @throws EngineException INVALID_CHECKPOINT or NOT_FOUND naming what is missing or broken
  public static ModelFolder open(Path path) {
    CheckpointFolder.require(path);
    CheckpointConfig config = CheckpointConfig.read(path.resolve("config.json"));
    CheckpointFolder.requireUnquantised(config);
    Optional<CheckpointConfig> mambaConfig =
        CheckpointConfig.readIfPresent(path.resolve("mamba_config.json"));
    return new ModelFolder(path, config, mambaConfig, Checkpoint.open(path));
  }

  /// The same folder with the language model's configuration where it lies inside of another.
  public ModelFolder text() {
    return new ModelFolder(
        path, config.object("text_config").orElse(config), mambaConfig, checkpoint);
  }

  /// True when the configuration names the architecture, by `architectures` or, where that is
  /// missing, by `model_type`.
  boolean hasArchitecture(String name) {
    return architectures().contains(name);
  }

  /// What the configuration names; empty for the state-spaces format, which names nothing.
  List<String> architectures() {
    List<String> named = config.texts("architectures");
    return named.isEmpty()
        ? config.optionalText("model_type").map(type -> List.of(architecture(type))).orElse(named)
        : named;
  }

  /// The class that Transformers makes of a model type.
  private static String architecture(String modelType) {
    return switch (modelType) {
      case "llama" -> "LlamaForCausalLM";
      case "mistral" -> "MistralForCausalLM";
      case "mamba" -> "MambaForCausalLM";
      case "mamba2" -> "Mamba2ForCausalLM";
      case "bamba" -> "BambaForCausalLM";
      case "falcon_h1" -> "FalconH1ForCausalLM";
      case "falcon_mamba" -> "FalconMambaForCausalLM";
      case "granitemoehybrid" -> "GraniteMoeHybridForCausalLM";
      case "jamba" -> "JambaForCausalLM";
      case "kimi_linear" -> "KimiLinearForCausalLM";
      case "lfm2" -> "Lfm2ForCausalLM";
      case "lfm2_moe" -> "Lfm2MoeForCausalLM";
      case "nemotron_h" -> "NemotronHForCausalLM";
      case "olmo_hybrid" -> "OlmoHybridForCausalLM";
      case "qwen3_next" -> "Qwen3NextForCausalLM";
      case "qwen3_5" -> "Qwen3_5ForConditionalGeneration";
      case "qwen3_5_text" -> "Qwen3_5ForCausalLM";
      case "qwen3_5_moe" -> "Qwen3_5MoeForConditionalGeneration";
      case "qwen3_5_moe_text" -> "Qwen3_5MoeForCausalLM";
      case "zamba2" -> "Zamba2ForCausalLM";
      default -> "model_type " + modelType;
    };
  }

  /// True when some tensor's name ends so.
  boolean hasTensorEnding(String suffix) {
    return checkpoint.names().stream().anyMatch(name -> name.endsWith(suffix));
  }

  /// True when some tensor's name contains the text.
  boolean hasTensorContaining(String text) {
    return checkpoint.names().stream().anyMatch(name -> name.contains(text));
  }

  /// The number of layers, which is also how many the tensors' names count.
  int depth(String key) {
    return depth(key, "");
  }

  /// The same of the layers whose names begin with a prefix.
  int depth(String key, String prefix) {
    int depth = config.positiveInt(key);
    int named = namedLayers(prefix);
    if (named == 0) {
      throw EngineException.invalidCheckpoint(
          path
              + ": no weights of a model, only "
              + checkpoint.describe()
              + " (expected: model.safetensors, or an index with its shards, with tensors of "
              + depth
              + " layers)");
    }
    require(depth == named, config, key, named + ", the layers that the tensors' names count");
    return depth;
  }

  /// The kind of each layer.
  ///
  /// @param key of the list
  /// @param prefix of the layers' tensors
  /// @param known kinds that there are
  List<String> layerTypes(String key, String prefix, Set<String> known) {
    int depth = depth("num_hidden_layers", prefix);
    List<String> types = config.texts(key);
    require(
        types.size() == depth && known.containsAll(types),
        config,
        key,
        "one of " + known.stream().sorted().toList() + " for each of " + depth + " layers");
    return types;
  }

  /// How many layers the tensors' names count that begin with a prefix.
  int namedLayers(String prefix) {
    return (int)
        checkpoint.names().stream()
            .filter(name -> name.startsWith(prefix))
            .flatMap(name -> LAYER.matcher(name).results().limit(1))
            .map((MatchResult found) -> found.group(1))
            .distinct()
            .count();
  }

  /// What a norm adds to the mean square, above 0 and below 1.
  float epsilon(String key, double fallback) {
    return (float)
        config.number(key, fallback, value -> (float) value > 0 && value < 1, "above 0, below 1");
  }

  /// Refuses a value that Krait does not compute.
  void require(boolean holds, CheckpointConfig in, String key, String expected) {
    if (!holds) {
      throw in.refusal(key, expected);
    }
  }

  /// The product of two sizes, small enough that sums of a few products are integers.
  ///
  /// @param keys both names, such as `expand * d_model`
  int product(CheckpointConfig in, String keys, int a, int b) {
    long product = (long) a * b;
    if (product > CheckpointConfig.MAX_SIZE) {
      throw in.invalid(keys, a + " * " + b, "a product of at most " + CheckpointConfig.MAX_SIZE);
    }
    return (int) product;
  }

  @Override
  public void close() {
    checkpoint.close();
  }
}
