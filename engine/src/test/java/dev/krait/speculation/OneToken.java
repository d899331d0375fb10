package dev.krait.speculation;

import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.sampling.LogitsProcessors;
import dev.krait.scheduler.Sequence;
import dev.krait.testing.FlatMemory;

/// A sequence of a one-token prompt and some generated tokens, of which one is to be computed.
final class OneToken implements Sequence {
  private final long id;
  private final int maxTokens;
  private int generated;

  OneToken(long id, int maxTokens) {
    this.id = id;
    this.maxTokens = maxTokens;
  }

  void generate(int tokens) {
    generated += tokens;
  }

  @Override
  public long id() {
    return id;
  }

  @Override
  public GenerationRequest request() {
    return GenerationRequest.of(
        "test",
        TokenIds.of(1),
        SamplingParams.greedy(),
        new StopConditions(maxTokens, 0, TokenIds.empty()));
  }

  @Override
  public int promptTokens() {
    return 1;
  }

  @Override
  public int tokens() {
    return 1 + generated;
  }

  @Override
  public int computedTokens() {
    return generated;
  }

  @Override
  public int tokenAt(int position) {
    return 1;
  }

  @Override
  public LogitsProcessors logitsProcessors() {
    return LogitsProcessors.of(request());
  }

  @Override
  public SequenceCache memory() {
    return new FlatMemory(0, 0, 1);
  }
}
