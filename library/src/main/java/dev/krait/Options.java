package dev.krait;

import dev.krait.generation.TokenIds;
import dev.krait.service.SamplingRequest;
import dev.krait.service.StopRequest;
import dev.krait.service.StructuredOutput;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/// How to generate. What is left out comes from the model.
///
/// @param sampling how tokens are chosen
/// @param stop when to end
/// @param structure what the answer may be; anything when it is empty
/// @param timeout how long it may take
public record Options(
    SamplingRequest sampling,
    StopRequest stop,
    Optional<StructuredOutput> structure,
    Optional<Duration> timeout) {

  /// Everything left to the model.
  public static Options defaults() {
    return builder().build();
  }

  /// Begins with everything left to the model.
  public static Builder builder() {
    return new Builder();
  }

  /// Options one by one.
  public static final class Builder {
    private OptionalDouble temperature = OptionalDouble.empty();
    private OptionalInt topK = OptionalInt.empty();
    private OptionalDouble topP = OptionalDouble.empty();
    private OptionalDouble minP = OptionalDouble.empty();
    private OptionalLong seed = OptionalLong.empty();
    private OptionalDouble repetitionPenalty = OptionalDouble.empty();
    private float presencePenalty;
    private float frequencyPenalty;
    private OptionalInt maxTokens = OptionalInt.empty();
    private int minTokens;
    private List<String> stop = List.of();
    private Optional<StructuredOutput> structure = Optional.empty();
    private Optional<Duration> timeout = Optional.empty();

    private Builder() {}

    /// 0 always takes the most probable token.
    public Builder temperature(double value) {
      temperature = OptionalDouble.of(value);
      return this;
    }

    /// Keeps only so many of the most probable tokens; 0 keeps all.
    public Builder topK(int value) {
      topK = OptionalInt.of(value);
      return this;
    }

    /// Keeps the most probable tokens that have this probability together.
    public Builder topP(double value) {
      topP = OptionalDouble.of(value);
      return this;
    }

    /// Keeps tokens with at least this share of the most probable one's probability.
    public Builder minP(double value) {
      minP = OptionalDouble.of(value);
      return this;
    }

    /// Same seed, same text.
    public Builder seed(long value) {
      seed = OptionalLong.of(value);
      return this;
    }

    /// Divides the logits of tokens that were there before; 1 changes nothing.
    public Builder repetitionPenalty(double value) {
      repetitionPenalty = OptionalDouble.of(value);
      return this;
    }

    /// Subtracted from the logits of tokens that were generated.
    public Builder presencePenalty(double value) {
      presencePenalty = (float) value;
      return this;
    }

    /// Subtracted from the logits of tokens for each time that they were generated.
    public Builder frequencyPenalty(double value) {
      frequencyPenalty = (float) value;
      return this;
    }

    /// Most tokens to generate; what the context leaves unless set.
    public Builder maxTokens(int value) {
      maxTokens = OptionalInt.of(value);
      return this;
    }

    /// Tokens before which the answer does not end.
    public Builder minTokens(int value) {
      minTokens = value;
      return this;
    }

    /// Texts that end the answer and are no part of it.
    public Builder stop(List<String> texts) {
      stop = List.copyOf(texts);
      return this;
    }

    /// Lets the answer be a JSON object.
    public Builder jsonObject() {
      return structure(StructuredOutput.jsonObject("jsonObject"));
    }

    /// Lets the answer be JSON of a schema, which is given as text.
    public Builder jsonSchema(String schema) {
      return structure(StructuredOutput.jsonSchema("jsonSchema", schema));
    }

    /// Lets the answer be text that a regular expression matches as a whole.
    public Builder regex(String expression) {
      return structure(StructuredOutput.regex("regex", expression));
    }

    /// Lets the answer be one of some texts.
    public Builder choice(List<String> texts) {
      return structure(StructuredOutput.choice("choice", texts));
    }

    /// Lets the answer be text of a grammar in GBNF or Lark.
    public Builder grammar(String source) {
      return structure(StructuredOutput.grammar("grammar", source));
    }

    private Builder structure(StructuredOutput wanted) {
      structure = Optional.of(wanted);
      return this;
    }

    /// How long the answer may take, from the request on.
    public Builder timeout(Duration most) {
      timeout = Optional.of(most);
      return this;
    }

    /// The options.
    public Options build() {
      SamplingRequest sampling =
          new SamplingRequest(
              temperature,
              topK,
              topP,
              minP,
              seed,
              repetitionPenalty,
              presencePenalty,
              frequencyPenalty,
              Map.of());
      StopRequest ends =
          new StopRequest(maxTokens, minTokens, stop, false, TokenIds.empty(), false);
      return new Options(sampling, ends, structure, timeout);
    }
  }
}
