package dev.krait.scheduler;

import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.GenerationRequest;
import dev.krait.sampling.LogitsProcessors;

/// One generation as runners see it: known tokens (prompt and generated), how many are computed,
/// and its memory.
public interface Sequence {

  /// Number unique within the engine.
  long id();

  /// What was asked for.
  GenerationRequest request();

  /// Tokens of the prompt.
  int promptTokens();

  /// Known tokens: prompt and generated.
  int tokens();

  /// Known tokens that are committed in memory.
  int computedTokens();

  /// A known token's id.
  int tokenAt(int position);

  /// What changes its logits; between steps it stands behind the last known token.
  LogitsProcessors logitsProcessors();

  /// True when its next tokens are chosen from rows of logits on the host: logits processors change
  /// them, or their log-probabilities are reported.
  default boolean readsLogits() {
    return request().sampling().logprobs() >= 0 || logitsProcessors().mayChange();
  }

  /// Its share of the pools, while it runs.
  SequenceCache memory();
}
