package dev.krait.service;

import dev.krait.engine.ModelInfo.SamplingDefaults;
import dev.krait.error.EngineException;
import dev.krait.generation.SamplingParams;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/// Sampling as a caller asks for it; what is left out comes from the model, then from OpenAI's
/// defaults.
///
/// @param temperature see [SamplingParams]
/// @param topK see there; -1 and 0 keep all
/// @param topP see there
/// @param minP see there
/// @param seed key of the random numbers; empty for a random one
/// @param repetitionPenalty see there
/// @param presencePenalty see there
/// @param frequencyPenalty see there
/// @param logitBias see there
public record SamplingRequest(
    OptionalDouble temperature,
    OptionalInt topK,
    OptionalDouble topP,
    OptionalDouble minP,
    OptionalLong seed,
    OptionalDouble repetitionPenalty,
    float presencePenalty,
    float frequencyPenalty,
    Map<Integer, Float> logitBias) {

  /// Most tokens with a bias.
  public static final int MAX_BIASES = 1024;

  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  /// Checks how many tokens have a bias; the values are checked with the model's defaults.
  public SamplingRequest {
    if (logitBias.size() > MAX_BIASES) {
      throw EngineException.invalidArgument(
          "logit_bias", logitBias.size() + " tokens", "at most " + MAX_BIASES);
    }
  }

  /// Everything left to the model.
  public static SamplingRequest defaults() {
    return new SamplingRequest(
        OptionalDouble.empty(),
        OptionalInt.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalLong.empty(),
        OptionalDouble.empty(),
        0,
        0,
        Map.of());
  }

  /// The engine's parameters for one sequence of the request.
  ///
  /// @param defaults what the model recommends
  /// @param key the request's seed, or a random one
  /// @param sequence index among the sequences of one prompt; each gets a key of its own
  /// @param logprobs alternatives to report with each generated token; -1 for none
  /// @param promptLogprobs the same for the prompt
  /// @throws EngineException with INVALID_ARGUMENT when a value is out of range
  public SamplingParams params(
      SamplingDefaults defaults, long key, int sequence, int logprobs, int promptLogprobs) {
    int keep = topK.orElse(defaults.topK().orElse(0));
    return SamplingParams.of(set -> {
      set.temperature = (float) temperature.orElse(defaults.temperature().orElse(1));
      set.topK = keep == -1 ? 0 : keep;
      set.topP = (float) topP.orElse(defaults.topP().orElse(1));
      set.minP = (float) minP.orElse(defaults.minP().orElse(0));
      set.seed = sequenceKey(key, sequence);
      set.reproducible = seed.isPresent();
      set.repetitionPenalty =
          (float) repetitionPenalty.orElse(defaults.repetitionPenalty().orElse(1));
      set.presencePenalty = presencePenalty;
      set.frequencyPenalty = frequencyPenalty;
      set.logitBias = logitBias;
      set.logprobs = logprobs;
      set.promptLogprobs = promptLogprobs;
    });
  }

  /// Key of one sequence: the request's own for the first, mixed with the index for the others.
  static long sequenceKey(long key, int sequence) {
    if (sequence == 0) {
      return key;
    }
    long mixed = key + sequence * GOLDEN;
    mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
    return mixed ^ (mixed >>> 31);
  }
}
