package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.MixerWeights.ShortConvWeights;
import dev.krait.model.ShortConv;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;

/// The short convolution: projection, product, convolution, product, output projection.
final class ShortConvExecutor implements MixerExecutor {
  private final Ops ops;
  private final ShortConvWeights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final Rows b;
  private final Rows c;
  private final Rows x;
  private final CausalConvArgs conv;
  private final Rows gated;

  static void addScratch(ShortConv mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, 3 * mixer.hiddenDim());
    widths.include(Area.MIXED, mixer.hiddenDim());
    widths.include(Area.CONVOLVED, mixer.hiddenDim());
    widths.include(Area.OPERAND, mixer.hiddenDim());
  }

  ShortConvExecutor(ShortConvWeights weights, MixerMemory memory) {
    ShortConv mixer = weights.mixer();
    int width = mixer.hiddenDim();
    MixerScratch scratch = memory.scratch();
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    projection = scratch.rows(Area.PROJECTION, 3 * width);
    b = projection.columns(0, width);
    c = projection.columns(width, width);
    x = projection.columns(2 * width, width);
    conv =
        new CausalConvArgs(
            scratch.rows(Area.CONVOLVED, width),
            scratch.rows(Area.MIXED, width),
            weights.conv(),
            weights.noBias(),
            mixer.convWidth(),
            width,
            1,
            Activation.NONE,
            memory.caches().states(mixer.states()));
    gated = scratch.rows(Area.OPERAND, width);
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    ops.activateMul(conv.x(), b, x, Activation.NONE, step.tokens);
    ops.causalConv(conv, step);
    ops.activateMul(gated, c, conv.dst(), Activation.NONE, step.tokens);
    ops.matmul(output, gated, weights.output(), step.tokens);
  }
}
