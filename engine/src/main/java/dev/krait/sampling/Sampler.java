package dev.krait.sampling;

import dev.krait.generation.SamplingParams;
import java.util.Arrays;

/// Turns a row of logits into a token or a distribution.
///
/// A logit that is not a number is never chosen. Calls allocate nothing once the buffers have
/// grown.
public final class Sampler {
  /// How far below the largest logit (after temperature) candidates are looked for, tried in turn.
  private static final double[] REACH = {8, 20, Double.POSITIVE_INFINITY};

  private final int vocabSize;

  /// Candidates as keys: a heap with the largest first; what was taken from it lies behind it,
  /// largest last.
  private long[] keys = new long[256];

  /// A sampler over the ids `[0, vocabSize)`; rows may be longer (padding), the rest is never
  /// chosen.
  public Sampler(int vocabSize) {
    this.vocabSize = vocabSize;
  }

  /// The id of the largest logit, the smallest of equals; -1 when no logit is a finite number.
  public int argMax(float[] logits) {
    return argMax(logits, 0, vocabSize);
  }

  /// Index, from `from` on, of the largest of `count` logits, the smallest of equals; -1 when it is
  /// not a finite number.
  public static int argMax(float[] logits, int from, int count) {
    int best = -1;
    float most = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      if (logits[from + i] > most) {
        most = logits[from + i];
        best = i;
      }
    }
    return most == Float.POSITIVE_INFINITY ? -1 : best;
  }

  /// Fills the distribution that `params` make of the logits: temperature, top-k, top-p, min-p, in
  /// this order.
  ///
  /// @return false, and an empty distribution, when no logit is a finite number
  public boolean distribution(float[] logits, SamplingParams params, Distribution target) {
    target.clear();
    int first = argMax(logits);
    if (first < 0) {
      return false;
    }
    double scale = 1.0 / params.temperature();
    double most = logits[first];
    if (params.isGreedy()) {
      target.setCertain(first);
    } else if ((params.topK() > 0 && params.topK() < vocabSize) || params.topP() < 1) {
      filtered(logits, scale, most, params, target);
    } else {
      unfiltered(logits, scale, most, params.minP(), target);
    }
    return true;
  }

  private void unfiltered(
      float[] logits, double scale, double most, float minP, Distribution target) {
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
      float[] logits, double scale, double most, SamplingParams params, Distribution target) {
    int topK = params.topK() == 0 ? vocabSize : Math.min(params.topK(), vocabSize);
    boolean limitsCount = topK < vocabSize;
    double needed =
        limitsCount || params.topP() == 1
            ? Double.POSITIVE_INFINITY
            : params.topP() * mass(logits, scale, most);
    int candidates = 0;
    int ranked = 0;
    for (double reach : REACH) {
      candidates = collect(logits, most - reach / scale);
      ranked = rank(candidates, topK, needed, scale, most);
      if (ranked == topK || ranked < candidates) {
        break;
      }
    }
    int kept = ranked;
    if (limitsCount && params.topP() < 1) {
      needed = params.topP() * mass(candidates, ranked, scale, most);
      double sum = 0;
      kept = 0;
      while (kept < ranked && sum < needed) {
        sum += weight(keys[candidates - ++kept], scale, most);
      }
    }
    while (weight(keys[candidates - kept], scale, most) < params.minP()) {
      kept--;
    }
    double total = mass(candidates, kept, scale, most);
    fill(logits, keys[candidates - kept], scale, most, total, target);
  }

  private double mass(float[] logits, double scale, double most) {
    double total = 0;
    for (int i = 0; i < vocabSize; i++) {
      double weight = Math.exp((logits[i] - most) * scale);
      total += weight > 0 ? weight : 0;
    }
    return total;
  }

  /// Weight of the largest `count` of so many candidates, which have been ranked.
  private double mass(int candidates, int count, double scale, double most) {
    double total = 0;
    for (int i = 1; i <= count; i++) {
      total += weight(keys[candidates - i], scale, most);
    }
    return total;
  }

  private static double weight(long key, double scale, double most) {
    return Math.exp((RankedLogit.logit(key) - most) * scale);
  }

  /// Makes a heap of the ids whose logit is at least `least`.
  private int collect(float[] logits, double least) {
    int count = 0;
    for (int i = 0; i < vocabSize; i++) {
      if (logits[i] >= least && logits[i] != Float.NEGATIVE_INFINITY) {
        if (count == keys.length) {
          keys = Arrays.copyOf(keys, 2 * count);
        }
        keys[count++] = RankedLogit.key(logits[i], i);
      }
    }
    for (int i = count / 2 - 1; i >= 0; i--) {
      sink(i, count);
    }
    return count;
  }

  /// Takes candidates from the heap, largest first, until they are `most` or weigh `needed`.
  ///
  /// @return how many; they end the array, largest last
  private int rank(int candidates, int topK, double needed, double scale, double most) {
    int left = candidates;
    double sum = 0;
    while (left > 0 && candidates - left < topK && sum < needed) {
      long largest = keys[0];
      keys[0] = keys[--left];
      sink(0, left);
      keys[left] = largest;
      sum += weight(largest, scale, most);
    }
    return candidates - left;
  }

  private void sink(int from, int count) {
    long key = keys[from];
    int hole = from;
    int child = 2 * hole + 1;
    while (child < count) {
      if (child + 1 < count && keys[child + 1] > keys[child]) {
        child++;
      }
      if (keys[child] <= key) {
        break;
      }
      keys[hole] = keys[child];
      hole = child;
      child = 2 * hole + 1;
    }
    keys[hole] = key;
  }

  private void fill(
      float[] logits, long least, double scale, double most, double total, Distribution target) {
    float minLogit = RankedLogit.logit(least);
    for (int i = 0; i < vocabSize; i++) {
      if (logits[i] >= minLogit && RankedLogit.key(logits[i], i) >= least) {
        double probability = Math.exp((logits[i] - most) * scale) / total;
        if (probability > 0) {
          target.add(i, probability);
        }
      }
    }
  }
}
