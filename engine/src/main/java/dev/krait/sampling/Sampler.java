package dev.krait.sampling;

import dev.krait.generation.SamplingParams;
import java.util.Arrays;

/// Turns a row of logits into a token or a distribution.
public final class Sampler {
  /// How far below the largest logit (after temperature) candidates are looked for, tried in turn.
  private static final double[] REACH = {8, 20, Double.POSITIVE_INFINITY};

  private final int vocabSize;
  private long[] keys = new long[256];
  private int[] kept = new int[256];

  /// A sampler over the ids `[0, vocabSize)`; rows may be longer (padding), the rest is never
  /// chosen.
  public Sampler(int vocabSize) {
    this.vocabSize = vocabSize;
  }

  /// The id of the largest logit; the smallest of equals.
  public int argMax(float[] logits) {
    int best = 0;
    for (int i = 1; i < vocabSize; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  /// Fills the distribution that `params` make of the logits: temperature, top-k, top-p, min-p, in
  /// this order.
  public void distribution(float[] logits, SamplingParams params, Distribution target) {
    if (params.isGreedy()) {
      target.setCertain(argMax(logits));
      return;
    }
    double scale = 1.0 / params.temperature();
    double most = logits[argMax(logits)];
    int topK = params.topK() == 0 ? vocabSize : Math.min(params.topK(), vocabSize);
    if (topK < vocabSize || params.topP() < 1) {
      filtered(logits, scale, most, topK, params, target);
    } else {
      unfiltered(logits, scale, most, params.minP(), target);
    }
  }

  private void unfiltered(
      float[] logits, double scale, double most, float minP, Distribution target) {
    target.clear();
    double total = 0;
    for (int i = 0; i < vocabSize; i++) {
      double weight = Math.exp((logits[i] - most) * scale);
      if (weight > 0 && weight >= minP) {
        target.add(i, weight);
        total += weight;
      }
    }
    target.scale(1 / total);
  }

  private void filtered(
      float[] logits,
      double scale,
      double most,
      int topK,
      SamplingParams params,
      Distribution target) {
    double needed = 0;
    if (params.topP() < 1) {
      needed =
          params.topP()
              * (topK < vocabSize
                  ? massOfTop(logits, scale, most, topK)
                  : mass(logits, scale, most));
    }
    for (double reach : REACH) {
      int candidates = collect(logits, most - reach / scale);
      boolean last = Double.isInfinite(reach);
      if (take(candidates, last, logits, scale, most, topK, needed, params, target)) {
        return;
      }
    }
    throw new IllegalStateException("top-k/top-p: no candidate among the logits");
  }

  private double mass(float[] logits, double scale, double most) {
    double total = 0;
    for (int i = 0; i < vocabSize; i++) {
      total += Math.exp((logits[i] - most) * scale);
    }
    return total;
  }

  private double massOfTop(float[] logits, double scale, double most, int topK) {
    for (double reach : REACH) {
      int candidates = collect(logits, most - reach / scale);
      if (candidates >= topK || Double.isInfinite(reach)) {
        double total = 0;
        int last = Math.max(0, candidates - topK);
        for (int i = candidates - 1; i >= last; i--) {
          total += Math.exp((logits[idOf(keys[i])] - most) * scale);
        }
        return total;
      }
    }
    throw new IllegalStateException("top-k: no candidates");
  }

  /// Sorts the ids whose logit is at least `least` by logit, larger last; among equals the smaller
  /// id last.
  private int collect(float[] logits, double least) {
    int count = 0;
    for (int i = 0; i < vocabSize; i++) {
      if (logits[i] >= least && logits[i] != Float.NEGATIVE_INFINITY) {
        if (count == keys.length) {
          keys = Arrays.copyOf(keys, 2 * count);
        }
        keys[count++] = key(logits[i], i);
      }
    }
    Arrays.sort(keys, 0, count);
    return count;
  }

  private static long key(float logit, int id) {
    int bits = Float.floatToIntBits(logit + 0.0f);
    int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return ((long) ordered << 32) | (~id & 0xFFFFFFFFL);
  }

  private static int idOf(long key) {
    return ~(int) key;
  }

  /// Takes candidates from the largest on; false when the candidates end before top-k or top-p is
  /// reached.
  private boolean take(
      int candidates,
      boolean last,
      float[] logits,
      double scale,
      double most,
      int topK,
      double needed,
      SamplingParams params,
      Distribution target) {
    if (kept.length < candidates) {
      kept = new int[Math.max(candidates, 2 * kept.length)];
    }
    int count = 0;
    double sum = 0;
    boolean complete = false;
    for (int i = candidates - 1; i >= 0 && !complete; i--) {
      int id = idOf(keys[i]);
      double weight = Math.exp((logits[id] - most) * scale);
      if (weight < params.minP()) {
        complete = true;
        break;
      }
      kept[count++] = id;
      sum += weight;
      complete = count == topK || (params.topP() < 1 && sum >= needed);
    }
    if (!complete && !last) {
      return false;
    }
    fill(logits, scale, most, count, sum, target);
    return true;
  }

  private void fill(
      float[] logits, double scale, double most, int count, double sum, Distribution target) {
    Arrays.sort(kept, 0, count);
    target.clear();
    for (int i = 0; i < count; i++) {
      double probability = Math.exp((logits[kept[i]] - most) * scale) / sum;
      if (probability > 0) {
        target.add(kept[i], probability);
      }
    }
  }
}
