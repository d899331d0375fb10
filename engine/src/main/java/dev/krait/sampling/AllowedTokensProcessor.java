package dev.krait.sampling;

import dev.krait.generation.TokenIds;
import java.util.Arrays;

/// Excludes every token but some.
final class AllowedTokensProcessor implements LogitsProcessor {
  /// Ascending.
  private final int[] allowed;

  AllowedTokensProcessor(TokenIds ids) {
    allowed = Arrays.stream(ids.toArray()).sorted().distinct().toArray();
  }

  @Override
  public boolean isActive() {
    return true;
  }

  @Override
  public void apply(float[] logits) {
    int from = 0;
    for (int id : allowed) {
      Arrays.fill(logits, from, id, Float.NEGATIVE_INFINITY);
      from = id + 1;
    }
    Arrays.fill(logits, from, logits.length, Float.NEGATIVE_INFINITY);
  }

  @Override
  public void accept(int tokenId) {}

  @Override
  public void rollback(int tokens) {}
}
