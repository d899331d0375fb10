package dev.krait.engine;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.engine.ModelInfo.SamplingDefaults;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenIds;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.ModelLoader;
import dev.krait.model.FeedForward;
import dev.krait.model.ModelSpec;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.DoublePredicate;
import java.util.stream.Collectors;

/// What callers need to know of a model, from its folder.
///
/// @param endTokenIds ids that end a generation
/// @param defaults sampling values of generation_config.json
/// @param skipped prefixes of tensors that were left out
record ModelFacts(TokenIds endTokenIds, SamplingDefaults defaults, List<String> skipped) {

  private static final String END_TOKEN_ID = "eos_token_id";

  /// Reads the folder.
  ///
  /// @param tokens folder of the tokenizer
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT when generation_config.json
  ///   recommends values that no request may have
  static ModelFacts read(ModelLoader loader, Path tokens) {
    Optional<CheckpointConfig> generation =
        CheckpointConfig.readIfPresent(loader.folder().path().resolve("generation_config.json"));
    return new ModelFacts(
        endTokens(loader, tokens, generation),
        generation.map(ModelFacts::defaults).orElseGet(ModelFacts::noDefaults),
        loader.skipped());
  }

  /// The facts with those of the loaded model.
  ModelInfo of(LoadedModel model, int maxTokens) {
    ModelSpec spec = model.spec();
    return new ModelInfo(
        spec.architecture(),
        spec.vocabSize(),
        maxTokens,
        endTokenIds,
        defaults,
        model.backend().numericMode().text(),
        summary(spec, model) + leftOut());
  }

  /// Such as `, without mtp.*`.
  private String leftOut() {
    return skipped.isEmpty()
        ? ""
        : skipped.stream()
            .map(prefix -> prefix + "*")
            .collect(Collectors.joining(", ", ", without ", ""));
  }

  /// What generation_config.json calls the end of a sequence, or config.json where that names none,
  /// as in Transformers, and what the tokenizer calls it: a model that was trained further often
  /// has its new end there only.
  private static TokenIds endTokens(
      ModelLoader loader, Path tokens, Optional<CheckpointConfig> generation) {
    Set<Integer> ids = new LinkedHashSet<>();
    generation.ifPresent(config -> ids.addAll(config.intOrInts(END_TOKEN_ID)));
    if (ids.isEmpty()) {
      ids.addAll(loader.folder().config().intOrInts(END_TOKEN_ID));
      ids.addAll(loader.folder().text().config().intOrInts(END_TOKEN_ID));
    }
    ids.addAll(Tokenizer.endTokenIds(tokens));
    int vocabSize = loader.spec().vocabSize();
    return TokenIds.of(
        ids.stream().mapToInt(id -> id).filter(id -> id >= 0 && id < vocabSize).toArray());
  }

  private static SamplingDefaults defaults(CheckpointConfig config) {
    OptionalDouble topK =
        number(
            config,
            "top_k",
            k -> k == Math.rint(k) && k >= -1 && k <= Integer.MAX_VALUE,
            "an integer, -1 or more");
    return new SamplingDefaults(
        number(config, "temperature", t -> t >= 0 && t <= 100, "0 to 100"),
        topK.isPresent() ? OptionalInt.of((int) topK.getAsDouble()) : OptionalInt.empty(),
        number(config, "top_p", p -> (float) p > 0 && p <= 1, "above 0, at most 1"),
        number(config, "min_p", p -> p >= 0 && p <= 1, "0 to 1"),
        number(
            config,
            "repetition_penalty",
            r ->
                (float) r >= SamplingParams.MIN_REPETITION_PENALTY
                    && (float) r <= SamplingParams.MAX_REPETITION_PENALTY,
            SamplingParams.MIN_REPETITION_PENALTY
                + " to "
                + SamplingParams.MAX_REPETITION_PENALTY));
  }

  private static SamplingDefaults noDefaults() {
    OptionalDouble none = OptionalDouble.empty();
    return new SamplingDefaults(none, OptionalInt.empty(), none, none, none);
  }

  private static OptionalDouble number(
      CheckpointConfig config, String key, DoublePredicate range, String expected) {
    return config.has(key)
        ? OptionalDouble.of(config.number(key, range, expected))
        : OptionalDouble.empty();
  }

  /// Such as `Mamba2InLlama, 8 layers (2 Attention, 6 Mamba2), hidden 384, vocabulary 4096, 30.2
  /// MB`.
  private static String summary(ModelSpec spec, LoadedModel model) {
    Map<String, Integer> mixers = new TreeMap<>();
    spec.mixers()
        .filter(mixer -> !(mixer instanceof FeedForward))
        .forEach(mixer -> mixers.merge(mixer.getClass().getSimpleName(), 1, Integer::sum));
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
