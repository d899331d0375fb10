package dev.krait.sampling;

import java.util.Arrays;

/// A distribution over token ids: the ids of positive probability in ascending order. Reused by its
/// owner.
public final class Distribution {
  private int[] ids;
  private double[] probabilities;
  private int size;

  /// An empty distribution that can hold all ids of a vocabulary.
  public Distribution(int vocabSize) {
    ids = new int[Math.min(vocabSize, 64)];
    probabilities = new double[ids.length];
  }

  /// Ids of positive probability.
  public int size() {
    return size;
  }

  /// One id, ascending with the index.
  public int id(int index) {
    return ids[index];
  }

  /// Its probability.
  public double probability(int index) {
    return probabilities[index];
  }

  /// The probability of a token.
  public double of(int tokenId) {
    int index = Arrays.binarySearch(ids, 0, size, tokenId);
    return index < 0 ? 0 : probabilities[index];
  }

  /// The token in which a number of [0, 1) falls when probabilities are laid end to end in id
  /// order.
  public int draw(double uniform) {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += probabilities[i];
      if (uniform < sum) {
        return ids[i];
      }
    }
    return ids[size - 1];
  }

  /// Makes one token certain.
  public void setCertain(int tokenId) {
    clear();
    add(tokenId, 1);
  }

  /// Becomes the normalised positive part of `p - q`; where that is nothing, `p` itself.
  public void setRemainder(Distribution p, Distribution q) {
    clear();
    double total = 0;
    int j = 0;
    for (int i = 0; i < p.size; i++) {
      while (j < q.size && q.ids[j] < p.ids[i]) {
        j++;
      }
      double taken = j < q.size && q.ids[j] == p.ids[i] ? q.probabilities[j] : 0;
      double left = p.probabilities[i] - taken;
      if (left > 0) {
        add(p.ids[i], left);
        total += left;
      }
    }
    if (size == 0) {
      for (int i = 0; i < p.size; i++) {
        add(p.ids[i], p.probabilities[i]);
      }
      return;
    }
    scale(1 / total);
  }

  void clear() {
    size = 0;
  }

  /// Appends an id, larger than those before.
  void add(int tokenId, double weight) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
      probabilities = Arrays.copyOf(probabilities, 2 * size);
    }
    ids[size] = tokenId;
    probabilities[size++] = weight;
  }

  void scale(double factor) {
    for (int i = 0; i < size; i++) {
      probabilities[i] *= factor;
    }
  }
}
