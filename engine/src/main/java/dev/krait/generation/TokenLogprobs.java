package dev.krait.generation;

/// Log-probabilities at one position, under the model's own distribution (before temperature,
/// penalties and filters).
public final class TokenLogprobs {
  private final int tokenId;
  private final float logprob;
  private final int rank;
  private final int[] topIds;
  private final float[] topLogprobs;

  /// Takes ownership of the arrays.
  ///
  /// @param tokenId the token at this position
  /// @param logprob its natural logarithm of probability
  /// @param rank how many tokens are more probable, 0 for the most probable
  /// @param topIds alternatives, most probable first
  /// @param topLogprobs their log-probabilities
  public TokenLogprobs(int tokenId, float logprob, int rank, int[] topIds, float[] topLogprobs) {
    this.tokenId = tokenId;
    this.logprob = logprob;
    this.rank = rank;
    this.topIds = topIds;
    this.topLogprobs = topLogprobs;
  }

  /// The token at this position.
  public int tokenId() {
    return tokenId;
  }

  /// Natural logarithm of its probability.
  public float logprob() {
    return logprob;
  }

  /// How many tokens are more probable.
  public int rank() {
    return rank;
  }

  /// Number of alternatives reported.
  public int topCount() {
    return topIds.length;
  }

  /// Id of an alternative, most probable first.
  public int topId(int index) {
    return topIds[index];
  }

  /// Log-probability of an alternative.
  public float topLogprob(int index) {
    return topLogprobs[index];
  }
}
