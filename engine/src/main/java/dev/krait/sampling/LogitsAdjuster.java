package dev.krait.sampling;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import java.util.Arrays;

/// Changes logits by what a sequence has said: penalties, bias, and end tokens that may not come
/// yet.
///
/// Load it with a sequence, then alternate [#apply] on a row and [#push] of the token that follows
/// it.
public final class LogitsAdjuster {
  private final int[] outputCounts;
  private final boolean[] inPrompt;
  private final boolean[] isTouched;
  private int[] touched = new int[256];
  private int touchedCount;
  private SamplingParams params = SamplingParams.greedy();
  private StopConditions stop;
  private int generated;

  /// An adjuster for one vocabulary.
  public LogitsAdjuster(int vocabSize) {
    outputCounts = new int[vocabSize];
    inPrompt = new boolean[vocabSize];
    isTouched = new boolean[vocabSize];
    stop = new StopConditions(0, 0, TokenIds.empty());
  }

  /// True when logits of such a request are ever changed.
  public static boolean isNeeded(GenerationRequest request, int generatedTokens) {
    return request.sampling().adjustsLogits() || generatedTokens < request.stop().minTokens();
  }

  /// Starts a sequence without output; push its generated tokens next.
  public void load(GenerationRequest request) {
    for (int i = 0; i < touchedCount; i++) {
      outputCounts[touched[i]] = 0;
      inPrompt[touched[i]] = false;
      isTouched[touched[i]] = false;
    }
    touchedCount = 0;
    generated = 0;
    params = request.sampling();
    stop = request.stop();
    if (params.repetitionPenalty() != 1) {
      for (int i = 0; i < request.promptIds().size(); i++) {
        int id = request.promptIds().at(i);
        touch(id);
        inPrompt[id] = true;
      }
    }
  }

  /// Adds a token to the output.
  public void push(int tokenId) {
    touch(tokenId);
    outputCounts[tokenId]++;
    generated++;
  }

  /// Takes the last pushed token back.
  public void pop(int tokenId) {
    outputCounts[tokenId]--;
    generated--;
  }

  /// Changes a row of logits.
  public void apply(float[] logits) {
    for (int i = 0; i < touchedCount; i++) {
      int id = touched[i];
      int count = outputCounts[id];
      if (params.repetitionPenalty() != 1 && (count > 0 || inPrompt[id])) {
        logits[id] =
            logits[id] > 0
                ? logits[id] / params.repetitionPenalty()
                : logits[id] * params.repetitionPenalty();
      }
      if (count > 0) {
        logits[id] -= params.presencePenalty() + count * params.frequencyPenalty();
      }
    }
    if (!params.logitBias().isEmpty()) {
      params.logitBias().forEach((id, bias) -> logits[id] += bias);
    }
    if (generated < stop.minTokens()) {
      for (int i = 0; i < stop.stopTokenIds().size(); i++) {
        logits[stop.stopTokenIds().at(i)] = Float.NEGATIVE_INFINITY;
      }
    }
  }

  private void touch(int id) {
    if (isTouched[id]) {
      return;
    }
    isTouched[id] = true;
    if (touchedCount == touched.length) {
      touched = Arrays.copyOf(touched, 2 * touchedCount);
    }
    touched[touchedCount++] = id;
  }
}
