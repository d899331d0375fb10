package dev.krait.runner.mixer;

import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.MixerWeights.MlpWeights;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;

/// The plain feed-forward: projection up, activation, projection down.
final class MlpExecutor implements MixerExecutor {
  private final Ops ops;
  private final MlpWeights weights;
  private final Rows input;
  private final Rows output;
  private final Rows inner;

  static void addScratch(Mlp mixer, MixerScratch.Widths widths) {
    widths.include(Area.MIXED, mixer.intermediateDim());
  }

  MlpExecutor(MlpWeights weights, MixerMemory memory) {
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    inner = memory.scratch().rows(Area.MIXED, weights.mixer().intermediateDim());
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(inner, input, weights.up(), step.tokens);
    ops.activate(inner, weights.mixer().activation(), step.tokens);
    ops.matmul(output, inner, weights.down(), step.tokens);
  }
}
