package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.GatedMatmulArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.MixerWeights.GatedMlpWeights;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;

/// The gated feed-forward: a gated product, in one where the gate is silu without a factor, and the
/// projection down.
final class GatedMlpExecutor implements MixerExecutor {
  private final Ops ops;
  private final GatedMlpWeights weights;
  private final Rows output;
  private final GatedMatmulArgs gatedMatmul;

  static void addScratch(GatedMlp mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, 2 * mixer.intermediateDim());
    widths.include(Area.OPERAND, mixer.intermediateDim());
  }

  GatedMlpExecutor(GatedMlpWeights weights, MixerMemory memory) {
    int inner = weights.mixer().intermediateDim();
    this.weights = weights;
    ops = memory.ops();
    output = memory.output();
    gatedMatmul =
        GatedMatmulArgs.of(
            memory.scratch().rows(Area.OPERAND, inner),
            memory.scratch().rows(Area.PROJECTION, 2 * inner),
            memory.input(),
            weights.gateUp());
  }

  @Override
  public void run(StepInputs step) {
    GatedMlp mixer = weights.mixer();
    if (mixer.activation() == Activation.SILU && mixer.gateScale() == 1) {
      ops.gatedMatmul(gatedMatmul, step.tokens);
    } else {
      ops.matmul(gatedMatmul.gateUp(), gatedMatmul.x(), weights.gateUp(), step.tokens);
      Rows gate = gatedMatmul.gate();
      ops.scale(gate, mixer.gateScale(), step.tokens);
      ops.activateMul(gatedMatmul.dst(), gate, gatedMatmul.up(), mixer.activation(), step.tokens);
    }
    ops.matmul(output, gatedMatmul.dst(), weights.down(), step.tokens);
  }
}
