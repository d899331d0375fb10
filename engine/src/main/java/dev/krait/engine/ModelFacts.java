package dev.krait.engine;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.engine.ModelInfo.SamplingDefaults;
import dev.krait.generation.TokenIds;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.ModelLoader;
import dev.krait.model.Mixer;
import dev.krait.model.ModelSpec;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// Reads what callers need to know of a model from its folder.
final class ModelFacts {
  private ModelFacts() {}

  static ModelInfo of(ModelLoader loader, LoadedModel model, int maxTokens) {
    ModelSpec spec = loader.spec();
    Optional<CheckpointConfig> generation =
        CheckpointConfig.readIfPresent(loader.folder().path().resolve("generation_config.json"));
    List<Integer> ends =
        generation
            .map(config -> config.intOrInts("eos_token_id"))
            .filter(ids -> !ids.isEmpty())
            .orElseGet(() -> loader.folder().config().intOrInts("eos_token_id"));
    int[] endIds =
        ends.stream().mapToInt(id -> id).filter(id -> id >= 0 && id < spec.vocabSize()).toArray();
    return new ModelInfo(
        spec.architecture(),
        spec.vocabSize(),
        maxTokens,
        TokenIds.of(endIds),
        generation.map(ModelFacts::defaults).orElseGet(ModelFacts::noDefaults),
        summary(spec, model));
  }

  private static SamplingDefaults defaults(CheckpointConfig config) {
    return new SamplingDefaults(
        number(config, "temperature"),
        config.has("top_k") ? OptionalInt.of((int) config.number("top_k", 0)) : OptionalInt.empty(),
        number(config, "top_p"),
        number(config, "min_p"),
        number(config, "repetition_penalty"));
  }

  private static SamplingDefaults noDefaults() {
    OptionalDouble none = OptionalDouble.empty();
    return new SamplingDefaults(none, OptionalInt.empty(), none, none, none);
  }

  private static OptionalDouble number(CheckpointConfig config, String key) {
    return config.has(key) ? OptionalDouble.of(config.number(key, 0)) : OptionalDouble.empty();
  }

  /// Such as `Mamba2InLlama, 8 layers (2 Attention, 6 Mamba2), hidden 384, vocabulary 4096, 30.2
  /// MB`.
  private static String summary(ModelSpec spec, LoadedModel model) {
    Map<String, Integer> mixers = new TreeMap<>();
    spec.layers()
        .forEach(layer ->
            layer.stream()
                .filter(branch -> !(branch.mixer() instanceof Mixer.GatedMlp))
                .forEach(branch ->
                    mixers.merge(branch.mixer().getClass().getSimpleName(), 1, Integer::sum)));
    String kinds =
        mixers.entrySet().stream()
            .map(entry -> entry.getValue() + " " + entry.getKey())
            .collect(Collectors.joining(", "));
    return String.format(
        Locale.ROOT,
        "%s, %d layers (%s), hidden %d, vocabulary %d, %.1f MB",
        spec.architecture(),
        spec.layers().size(),
        kinds,
        spec.hiddenDim(),
        spec.vocabSize(),
        model.weightBytes() / 1e6);
  }
}
