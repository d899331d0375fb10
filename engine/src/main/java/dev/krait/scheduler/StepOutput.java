package dev.krait.scheduler;

import dev.krait.error.EngineException;
import dev.krait.generation.TokenLogprobs;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The answer to a [StepPlan], entry by entry.
///
/// It belongs to its step: a runner refills it only when the step has been updated with.
public final class StepOutput {
  private final int stride;
  private final int[] counts;
  private final int[] drafted;
  private final int[] ids;
  private final @Nullable TokenLogprobs[] logprobs;
  private final List<TokenLogprobs>[] promptLogprobs;
  private final @Nullable EngineException[] failures;
  private long runNanos;

  /// An output for up to `capacity` sequences of up to `maxDraftTokens + 1` new tokens each.
  @SuppressWarnings({"unchecked", "rawtypes"})
  public StepOutput(int capacity, int maxDraftTokens) {
    stride = maxDraftTokens + 1;
    counts = new int[capacity];
    drafted = new int[capacity];
    ids = new int[capacity * stride];
    logprobs = new TokenLogprobs[capacity * stride];
    promptLogprobs = new List[capacity];
    failures = new EngineException[capacity];
    clear();
  }

  /// New tokens of an entry: 0 when it did not reach its last known token, else accepted drafts
  /// plus one.
  public int newTokens(int index) {
    return counts[index];
  }

  /// Drafts that were really proposed for an entry, at most what the plan allowed.
  public int draftedTokens(int index) {
    return drafted[index];
  }

  /// Drafts of an entry that were accepted.
  public int acceptedTokens(int index) {
    return Math.max(0, counts[index] - 1);
  }

  /// One new token id; the last one is the recovered or bonus token.
  public int newToken(int index, int position) {
    return ids[index * stride + position];
  }

  /// Log-probabilities of a new token, when asked for.
  public @Nullable TokenLogprobs logprobs(int index, int position) {
    return logprobs[index * stride + position];
  }

  /// Log-probabilities of prompt tokens that this step computed, when asked for: the first element
  /// belongs to the prompt token at the entry's first position + 1.
  public List<TokenLogprobs> promptLogprobs(int index) {
    return promptLogprobs[index];
  }

  /// Why an entry's next token could not be chosen; its sequence ends with that.
  public @Nullable EngineException failure(int index) {
    return failures[index];
  }

  /// Time that the step took, from when it was begun to when its tokens were chosen.
  public long runNanos() {
    return runNanos;
  }

  /// Sets the time that the step took.
  public void setRunNanos(long nanos) {
    runNanos = nanos;
  }

  /// Forgets everything.
  public void clear() {
    Arrays.fill(counts, 0);
    Arrays.fill(drafted, 0);
    Arrays.fill(logprobs, null);
    Arrays.fill(promptLogprobs, List.of());
    Arrays.fill(failures, null);
    runNanos = 0;
  }

  /// Appends a new token to an entry.
  public void addToken(int index, int id, @Nullable TokenLogprobs tokenLogprobs) {
    int at = index * stride + counts[index]++;
    ids[at] = id;
    logprobs[at] = tokenLogprobs;
  }

  /// Says that no further token can be chosen for an entry.
  public void fail(int index, EngineException failure) {
    failures[index] = failure;
  }

  /// Sets how many drafts were proposed for an entry.
  public void setDrafted(int index, int tokens) {
    drafted[index] = tokens;
  }

  /// Sets the prompt log-probabilities of an entry.
  public void setPromptLogprobs(int index, List<TokenLogprobs> values) {
    promptLogprobs[index] = values;
  }
}
