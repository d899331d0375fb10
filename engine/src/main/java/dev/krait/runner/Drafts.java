package dev.krait.runner;

import dev.krait.sampling.Distribution;
import java.util.Arrays;

/// Proposed tokens of a step, by the plan's entries. Refilled by a drafter each step.
public final class Drafts {
  private final int stride;
  private final int vocabSize;
  private final int[] counts;
  private final int[] ids;
  private final Distribution[] distributions;
  private final double[] confidences;

  /// Room for `maxDraftTokens` drafts of each of `capacity` entries.
  public Drafts(int capacity, int maxDraftTokens, int vocabSize) {
    stride = Math.max(1, maxDraftTokens);
    this.vocabSize = vocabSize;
    counts = new int[capacity];
    ids = new int[capacity * stride];
    distributions = new Distribution[capacity * stride];
    confidences = new double[capacity];
  }

  /// Forgets all drafts.
  public void clear() {
    Arrays.fill(counts, 0);
    Arrays.fill(confidences, 1);
  }

  /// Drafts of an entry.
  public int count(int entry) {
    return counts[entry];
  }

  /// How sure the drafter is of all of an entry's drafts together: the product of the probabilities
  /// it gave them.
  public double confidence(int entry) {
    return confidences[entry];
  }

  /// One drafted token.
  public int id(int entry, int index) {
    return ids[entry * stride + index];
  }

  /// The distribution that it was drawn from.
  public Distribution distribution(int entry, int index) {
    return distributions[entry * stride + index];
  }

  /// The distribution of an entry's next draft, to be filled before [#add].
  public Distribution next(int entry) {
    int at = entry * stride + counts[entry];
    if (distributions[at] == null) {
      distributions[at] = new Distribution(vocabSize);
    }
    return distributions[at];
  }

  /// Appends a draft that was drawn from [#next].
  ///
  /// @param probability how sure the drafter is of it; 1 when it cannot tell
  public void add(int entry, int tokenId, double probability) {
    ids[entry * stride + counts[entry]++] = tokenId;
    confidences[entry] *= probability;
  }
}
