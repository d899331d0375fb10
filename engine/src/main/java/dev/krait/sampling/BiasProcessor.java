package dev.krait.sampling;

import java.util.Map;

/// Adds a number to the logits of single tokens.
final class BiasProcessor implements LogitsProcessor {
  private final int[] ids;
  private final float[] biases;

  BiasProcessor(Map<Integer, Float> bias) {
    ids = new int[bias.size()];
    biases = new float[bias.size()];
    int size = 0;
    for (Map.Entry<Integer, Float> each : bias.entrySet()) {
      ids[size] = each.getKey();
      biases[size++] = each.getValue();
    }
  }

  @Override
  public boolean isActive() {
    return true;
  }

  @Override
  public void apply(float[] logits) {
    for (int i = 0; i < ids.length; i++) {
      logits[ids[i]] += biases[i];
    }
  }

  @Override
  public void accept(int tokenId) {}

  @Override
  public void rollback(int tokens) {}
}
