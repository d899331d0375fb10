package dev.krait.sampling;

import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;

/// Excludes end tokens until the output has its minimum length.
final class MinTokensProcessor implements LogitsProcessor {
  private final TokenIds stopTokenIds;
  private final int minTokens;
  private int generated;

  MinTokensProcessor(StopConditions stop) {
    stopTokenIds = stop.stopTokenIds();
    minTokens = stop.minTokens();
  }

  @Override
  public boolean isActive() {
    return generated < minTokens;
  }

  @Override
  public boolean mayChange() {
    return isActive();
  }

  @Override
  public void apply(float[] logits) {
    for (int i = 0; i < stopTokenIds.size(); i++) {
      logits[stopTokenIds.at(i)] = Float.NEGATIVE_INFINITY;
    }
  }

  @Override
  public void accept(int tokenId) {
    generated++;
  }

  @Override
  public void rollback(int tokens) {
    generated -= tokens;
  }
}
