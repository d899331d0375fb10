package dev.krait.engine;

import dev.krait.generation.TokenIds;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/// What callers need to know of the loaded model.
///
/// @param architecture name of its family, such as `Mamba2InLlama`
/// @param vocabSize ids that may appear in prompts and output are below this
/// @param maxTokens longest prompt plus output
/// @param endTokenIds ids that end a generation unless the caller ignores them
/// @param defaults sampling values of the model's generation_config.json
/// @param numerics how exact its numbers are: `exact` or `bf16`
/// @param summary one line for people: sizes, layers, stored type
public record ModelInfo(
    String architecture,
    int vocabSize,
    int maxTokens,
    TokenIds endTokenIds,
    SamplingDefaults defaults,
    String numerics,
    String summary) {

  /// Sampling values that a model recommends; empty where it says nothing.
  ///
  /// @param temperature see [dev.krait.generation.SamplingParams]
  /// @param topK see there
  /// @param topP see there
  /// @param minP see there
  /// @param repetitionPenalty see there
  public record SamplingDefaults(
      OptionalDouble temperature,
      OptionalInt topK,
      OptionalDouble topP,
      OptionalDouble minP,
      OptionalDouble repetitionPenalty) {}
}
