package dev.krait.sampling;

import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenIds;
import java.util.Arrays;

/// Repetition penalty of tokens in prompt and output, presence and frequency penalty of tokens in
/// the output.
///
/// It keeps the different tokens in the order in which they came, with their counts in the output,
/// and finds one by a hash table with open addressing.
final class PenaltyProcessor implements LogitsProcessor {
  private static final int FIRST_CAPACITY = 64;

  private final float repetition;
  private final float presence;
  private final float frequency;

  private int[] ids = new int[FIRST_CAPACITY];
  private int[] counts = new int[FIRST_CAPACITY];

  /// Different tokens seen, and how many of them the prompt has: the first ones.
  private int size;

  private final int inPrompt;

  /// Index of a token plus one, or 0; at least twice as many places as tokens.
  private int[] table = new int[2 * FIRST_CAPACITY];

  private int[] output = new int[FIRST_CAPACITY];
  private int outputTokens;

  PenaltyProcessor(SamplingParams params, TokenIds prompt) {
    repetition = params.repetitionPenalty();
    presence = params.presencePenalty();
    frequency = params.frequencyPenalty();
    for (int i = 0; repetition != 1 && i < prompt.size(); i++) {
      indexOf(prompt.at(i));
    }
    inPrompt = size;
  }

  @Override
  public boolean isActive() {
    return size > 0;
  }

  @Override
  public void apply(float[] logits) {
    for (int i = 0; i < size; i++) {
      int id = ids[i];
      int count = counts[i];
      if (repetition != 1 && (count > 0 || i < inPrompt)) {
        logits[id] = logits[id] > 0 ? logits[id] / repetition : logits[id] * repetition;
      }
      if (count > 0) {
        logits[id] -= presence + count * frequency;
      }
    }
  }

  @Override
  public void accept(int tokenId) {
    int index = indexOf(tokenId);
    counts[index]++;
    if (outputTokens == output.length) {
      output = Arrays.copyOf(output, 2 * outputTokens);
    }
    output[outputTokens++] = tokenId;
  }

  @Override
  public void rollback(int tokens) {
    for (int i = 0; i < tokens; i++) {
      int index = indexOf(output[--outputTokens]);
      counts[index]--;
    }
  }

  /// Where a token is kept, from now on if it was not.
  private int indexOf(int id) {
    int place = place(id);
    if (table[place] == 0) {
      if (size == ids.length) {
        grow();
        place = place(id);
      }
      ids[size] = id;
      table[place] = ++size;
    }
    return table[place] - 1;
  }

  /// The token's place in the table, or the free one where it belongs.
  private int place(int id) {
    int mask = table.length - 1;
    int place = ((id * 0x9E3779B9) >>> 7) & mask;
    while (table[place] != 0 && ids[table[place] - 1] != id) {
      place = (place + 1) & mask;
    }
    return place;
  }

  private void grow() {
    ids = Arrays.copyOf(ids, 2 * size);
    counts = Arrays.copyOf(counts, 2 * size);
    table = new int[4 * size];
    for (int i = 0; i < size; i++) {
      table[place(ids[i])] = i + 1;
    }
  }
}
