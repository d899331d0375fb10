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

  /// Room for `maxDraftTokens` drafts of each of `capacity` entries.
  public Drafts(int capacity, int maxDraftTokens, int vocabSize) {
    stride = Math.max(1, maxDraftTokens);
    this.vocabSize = vocabSize;
    counts = new int[capacity];
    ids = new int[capacity * stride];
    distributions = new Distribution[capacity * stride];
  }

  /// Forgets all drafts.
  public void clear() {
    Arrays.fill(counts, 0);
  }

  /// Drafts of an entry.
  public int count(int entry) {
    return counts[entry];
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
  public void add(int entry, int tokenId) {
    ids[entry * stride + counts[entry]++] = tokenId;
  }
}
