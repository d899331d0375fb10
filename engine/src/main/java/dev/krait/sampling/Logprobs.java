package dev.krait.sampling;

import dev.krait.generation.TokenLogprobs;
import java.util.Arrays;

/// Log-probabilities of a row of logits, under the model's own distribution over all rows of its
/// head.
public final class Logprobs {
  private final int vocabSize;

  /// For rows whose ids are `[0, vocabSize)`; padding rows beyond take part in the normalisation
  /// and are never reported.
  public Logprobs(int vocabSize) {
    this.vocabSize = vocabSize;
  }

  /// The log-probability of a token with the `alternatives` most probable ones.
  public TokenLogprobs of(float[] logits, int tokenId, int alternatives) {
    double most = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      most = Math.max(most, logit);
    }
    double total = 0;
    for (float logit : logits) {
      total += Math.exp(logit - most);
    }
    double normaliser = most + Math.log(total);
    int rank = 0;
    for (int i = 0; i < vocabSize; i++) {
      if (logits[i] > logits[tokenId]) {
        rank++;
      }
    }
    int count = Math.min(alternatives, vocabSize);
    int[] ids = count == vocabSize ? sorted(logits) : top(logits, count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (logits[ids[i]] - normaliser);
    }
    return new TokenLogprobs(tokenId, (float) (logits[tokenId] - normaliser), rank, ids, values);
  }

  /// All ids in the order of [#top].
  private int[] sorted(float[] logits) {
    long[] keys = new long[vocabSize];
    for (int i = 0; i < vocabSize; i++) {
      keys[i] = ~RankedLogit.key(logits[i], i); // the largest first
    }
    Arrays.sort(keys);
    int[] ids = new int[vocabSize];
    for (int i = 0; i < vocabSize; i++) {
      ids[i] = RankedLogit.id(~keys[i]);
    }
    return ids;
  }

  /// The ids of the largest logits, largest first, the smaller id first among equals.
  private int[] top(float[] logits, int count) {
    int[] ids = new int[count];
    int found = 0;
    for (int i = 0; i < vocabSize && count > 0; i++) {
      if (found == count && logits[i] <= logits[ids[count - 1]]) {
        continue;
      }
      int at = found == count ? count - 1 : found++;
      while (at > 0 && logits[ids[at - 1]] < logits[i]) {
        ids[at] = ids[at - 1];
        at--;
      }
      ids[at] = i;
    }
    return ids;
  }
}
