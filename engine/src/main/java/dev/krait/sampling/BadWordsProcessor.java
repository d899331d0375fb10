package dev.krait.sampling;

import dev.krait.generation.TokenIds;
import java.util.Arrays;
import java.util.List;

/// Excludes the last token of a word where the output ends with the tokens before it.
final class BadWordsProcessor implements LogitsProcessor {
  private static final int FIRST_CAPACITY = 64;

  private final List<TokenIds> words;
  private int[] output = new int[FIRST_CAPACITY];
  private int outputTokens;

  BadWordsProcessor(List<TokenIds> words) {
    this.words = words;
  }

  @Override
  public boolean isActive() {
    return true;
  }

  @Override
  public void apply(float[] logits) {
    for (int i = 0; i < words.size(); i++) {
      TokenIds word = words.get(i);
      if (endsWithStart(word)) {
        logits[word.at(word.size() - 1)] = Float.NEGATIVE_INFINITY;
      }
    }
  }

  /// The output ends with all tokens of a word but the last.
  private boolean endsWithStart(TokenIds word) {
    int start = word.size() - 1;
    for (int i = 0; i < start; i++) {
      int at = outputTokens - start + i;
      if (at < 0 || output[at] != word.at(i)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void accept(int tokenId) {
    if (outputTokens == output.length) {
      output = Arrays.copyOf(output, 2 * outputTokens);
    }
    output[outputTokens++] = tokenId;
  }

  @Override
  public void rollback(int tokens) {
    outputTokens -= tokens;
  }
}
