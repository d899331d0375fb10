package dev.krait.sampling;

import dev.krait.generation.SamplingParams;

/// Draws tokens from rows of logits that are not greedy: the plain meaning of what backends do.
public final class TokenSampler {
  private final Sampler sampler;
  private final Distribution distribution;
  private final float[] row;
  private double probability;

  /// A sampler over the ids `[0, vocabSize)`.
  public TokenSampler(int vocabSize) {
    sampler = new Sampler(vocabSize);
    distribution = new Distribution(vocabSize);
    row = new float[vocabSize];
  }

  /// How many ids it draws from.
  public int vocabSize() {
    return row.length;
  }

  /// Draws a token with the number that belongs to its seed and position.
  ///
  /// @param logits of all ids, from index `from` on
  /// @param position index of the token in its sequence
  /// @return -1 when no logit is a finite number
  public int draw(float[] logits, int from, SamplingParams params, int position) {
    System.arraycopy(logits, from, row, 0, row.length);
    if (!sampler.distribution(row, params, distribution)) {
      return -1;
    }
    int token = Verifier.sample(distribution, params.seed(), position);
    probability = distribution.of(token);
    return token;
  }

  /// The probability of the token that was drawn last.
  public double probability() {
    return probability;
  }
}
