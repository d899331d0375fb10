package dev.krait.benchmarks;

import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.sampling.LogitsProcessors;
import dev.krait.scheduler.Sequence;

/// A greedy sequence whose tokens a bench appends.
final class BenchSequence implements Sequence {
  private final long id;
  private final GenerationRequest request;
  private final SequenceCache memory;
  private final int[] ids;
  private int tokens;

  BenchSequence(long id, int[] prompt, int maxTokens, SequenceCache memory) {
    this.id = id;
    this.memory = memory;
    ids = new int[maxTokens];
    System.arraycopy(prompt, 0, ids, 0, prompt.length);
    tokens = prompt.length;
    request =
        GenerationRequest.of(
            "bench",
            TokenIds.of(prompt),
            SamplingParams.greedy(),
            new StopConditions(maxTokens - tokens, 0, TokenIds.empty()));
  }

  void append(int token) {
    ids[tokens++] = token;
  }

  /// Tokens that can still be appended.
  int room() {
    return ids.length - tokens;
  }

  @Override
  public long id() {
    return id;
  }

  @Override
  public GenerationRequest request() {
    return request;
  }

  @Override
  public int promptTokens() {
    return request.promptIds().size();
  }

  @Override
  public int tokens() {
    return tokens;
  }

  @Override
  public int computedTokens() {
    return memory.committedTokens();
  }

  @Override
  public int tokenAt(int position) {
    return ids[position];
  }

  @Override
  public LogitsProcessors logitsProcessors() {
    return LogitsProcessors.of(request());
  }

  @Override
  public SequenceCache memory() {
    return memory;
  }
}
