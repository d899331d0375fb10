package dev.krait.generation;

import dev.krait.error.EngineException;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// How the next token is chosen from the model's logits.
///
/// Order of application: penalties and bias, temperature, top-k, top-p, min-p, then one draw.
///
/// @param temperature divisor of the logits; 0 chooses the most probable token always
/// @param topK keep this many most probable tokens; 0 keeps all
/// @param topP keep the smallest set of most probable tokens whose mass reaches this; 1 keeps all,
///   0 the most probable one
/// @param minP drop tokens less probable than this share of the most probable one; 0 drops none
/// @param seed key of the random numbers
/// @param reproducible the same request with the same seed gives the same tokens, whatever is
///   drafted; false only gives the same distribution, and speculation accepts more drafts
/// @param repetitionPenalty divides positive and multiplies negative logits of tokens seen in
///   prompt or output; 1 is neutral
/// @param presencePenalty subtracted from the logit of each token in the output; 0 is neutral
/// @param frequencyPenalty subtracted once per occurrence in the output; 0 is neutral
/// @param logitBias added to the logits of single tokens
/// @param allowedTokenIds the only tokens that can be chosen, end tokens included; empty allows all
/// @param badWords tokens or runs of tokens that the output never has
/// @param logprobs report log-probabilities of generated tokens, with this many alternatives; -1
///   reports none
/// @param promptLogprobs the same for the tokens of the prompt, or [#ALL_LOGPROBS]; -1 reports none
public record SamplingParams(
    float temperature,
    int topK,
    float topP,
    float minP,
    long seed,
    boolean reproducible,
    float repetitionPenalty,
    float presencePenalty,
    float frequencyPenalty,
    Map<Integer, Float> logitBias,
    TokenIds allowedTokenIds,
    List<TokenIds> badWords,
    int logprobs,
    int promptLogprobs) {

  /// Most alternatives that can be asked for with each token.
  public static final int MAX_LOGPROBS = 20;

  /// Asks for the whole vocabulary with each token of the prompt, most probable first. It takes 8
  /// bytes for each token of the vocabulary and each position of the prompt.
  public static final int ALL_LOGPROBS = Integer.MAX_VALUE;

  /// Smallest [#repetitionPenalty].
  public static final float MIN_REPETITION_PENALTY = 0.01f;

  /// Largest [#repetitionPenalty].
  public static final int MAX_REPETITION_PENALTY = 100;

  /// Checks every range.
  public SamplingParams {
    check(temperature >= 0 && temperature <= 100, "temperature", temperature, "0 to 100");
    check(topK >= 0, "top_k", topK, "0 (all) or more");
    check(topP >= 0 && topP <= 1, "top_p", topP, "0 to 1");
    check(minP >= 0 && minP <= 1, "min_p", minP, "0 to 1");
    check(
        repetitionPenalty >= MIN_REPETITION_PENALTY && repetitionPenalty <= MAX_REPETITION_PENALTY,
        "repetition_penalty",
        repetitionPenalty,
        MIN_REPETITION_PENALTY + " to " + MAX_REPETITION_PENALTY);
    check(Math.abs(presencePenalty) <= 2, "presence_penalty", presencePenalty, "-2 to 2");
    check(Math.abs(frequencyPenalty) <= 2, "frequency_penalty", frequencyPenalty, "-2 to 2");
    check(logprobs >= -1 && logprobs <= MAX_LOGPROBS, "logprobs", logprobs, "0 to " + MAX_LOGPROBS);
    check(
        (promptLogprobs >= -1 && promptLogprobs <= MAX_LOGPROBS) || promptLogprobs == ALL_LOGPROBS,
        "prompt_logprobs",
        promptLogprobs,
        "0 to " + MAX_LOGPROBS + ", or all");
    logitBias = Map.copyOf(logitBias);
    logitBias.forEach((id, bias) ->
        check(
            id >= 0 && Math.abs(bias) <= 100,
            "logit_bias",
            id + ": " + bias,
            "token id 0 or more, bias -100 to 100"));
    badWords = List.copyOf(badWords);
    for (TokenIds word : badWords) {
      check(word.size() > 0, "bad_words", "a word of no token", "words of at least one token");
    }
  }

  /// Greedy choice, nothing reported.
  public static SamplingParams greedy() {
    return of(_ -> {});
  }

  /// Greedy choice, nothing reported, but for what is set.
  public static SamplingParams of(Consumer<Builder> changes) {
    Builder set = new Builder();
    changes.accept(set);
    return new SamplingParams(
        set.temperature,
        set.topK,
        set.topP,
        set.minP,
        set.seed,
        set.reproducible,
        set.repetitionPenalty,
        set.presencePenalty,
        set.frequencyPenalty,
        set.logitBias,
        set.allowedTokenIds,
        set.badWords,
        set.logprobs,
        set.promptLogprobs);
  }

  /// The components by name, each with its neutral value.
  public static final class Builder {
    public float temperature;
    public int topK;
    public float topP = 1;
    public float minP;
    public long seed;
    public boolean reproducible = true;
    public float repetitionPenalty = 1;
    public float presencePenalty;
    public float frequencyPenalty;
    public Map<Integer, Float> logitBias = Map.of();
    public TokenIds allowedTokenIds = TokenIds.empty();
    public List<TokenIds> badWords = List.of();
    public int logprobs = -1;
    public int promptLogprobs = -1;

    private Builder() {}
  }

  /// True when the most probable token is always taken.
  public boolean isGreedy() {
    return temperature == 0 || topP == 0;
  }

  private static void check(boolean holds, String name, Object value, String expected) {
    if (!holds) {
      throw EngineException.invalidArgument(name, value, expected);
    }
  }
}
