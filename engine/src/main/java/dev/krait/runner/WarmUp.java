package dev.krait.runner;

import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.SamplingParams;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/// Runs steps of every common size on a fresh [ForwardPass], so that the code of its operations is
/// compiled before somebody waits for it. Leaves no trace: sequences start from position 0,
/// whatever their slot and blocks hold.
public final class WarmUp {
  private static final int PROMPT_TOKENS = 24;
  private static final int POSITIONS = 64;

  private WarmUp() {}

  /// Runs steps, small ones first, until `enough` says so between two of them.
  ///
  /// @param maxDraftTokens verify steps of up to this many drafts are among them
  public static void run(ForwardPass pass, int maxDraftTokens, BooleanSupplier enough) {
    int positions = Math.min(POSITIONS, pass.maxPositions());
    int prompt = Math.min(Math.min(PROMPT_TOKENS, positions), pass.maxTokens());
    SequenceCache memory = new FirstOfAll(pass.blocksFor(positions));
    for (int position = 0; position < positions && !enough.getAsBoolean(); position++) {
      step(pass, memory, position, 1, false);
    }
    while (!enough.getAsBoolean()) {
      int position = step(pass, memory, 0, prompt, false);
      for (int drafts = 0; drafts <= maxDraftTokens && !enough.getAsBoolean(); drafts++) {
        if (position + 1 + drafts <= positions && 1 + drafts <= pass.maxTokens()) {
          step(pass, memory, position, 1 + drafts, drafts > 0);
          position++;
        }
      }
    }
  }

  private static int step(
      ForwardPass pass, SequenceCache memory, int position, int tokens, boolean windowed) {
    pass.begin();
    int row = pass.add(memory, position, tokens, windowed ? 0 : tokens, 0, 0);
    for (int j = 0; j < tokens; j++) {
      pass.setToken(row + j, (position + j) % pass.model().spec().vocabSize());
    }
    int output = pass.choose(row + (windowed ? 0 : tokens - 1), SamplingParams.greedy());
    for (int j = 1; j < tokens && windowed; j++) {
      pass.choose(row + j, SamplingParams.greedy());
    }
    pass.execute();
    pass.chosen(output);
    return position + tokens;
  }

  /// The first slot and the first blocks, before any sequence has them.
  private record FirstOfAll(int blocks) implements SequenceCache {
    @Override
    public boolean reserve(int directTokens, int windowedTokens) {
      return true;
    }

    @Override
    public Optional<SlotCopy> commit(int tokens) {
      return Optional.empty();
    }

    @Override
    public int draftModelTokens() {
      return 0;
    }

    @Override
    public void setDraftModelTokens(int tokens) {}

    @Override
    public int committedTokens() {
      return 0;
    }

    @Override
    public int pendingTokens() {
      return 0;
    }

    @Override
    public void markFlushed() {}

    @Override
    public int stateSlot() {
      return 0;
    }

    @Override
    public int block(int index) {
      return index;
    }

    @Override
    public void close() {}
  }
}
