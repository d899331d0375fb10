package dev.krait.speculation;

import dev.krait.cache.SequenceMemory;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.scheduler.Sequence;
import dev.krait.testing.FlatMemory;

/// A sequence with one token to compute.
record OneToken(long id) implements Sequence {
  @Override
  public GenerationRequest request() {
    return GenerationRequest.of(
        "test",
        TokenIds.of(1),
        SamplingParams.greedy(),
        new StopConditions(9, 0, TokenIds.empty()));
  }

  @Override
  public int promptTokens() {
    return 1;
  }

  @Override
  public int tokens() {
    return 1;
  }

  @Override
  public int computedTokens() {
    return 0;
  }

  @Override
  public int tokenAt(int position) {
    return 1;
  }

  @Override
  public SequenceMemory memory() {
    return new FlatMemory(0, 0, 1);
  }
}
