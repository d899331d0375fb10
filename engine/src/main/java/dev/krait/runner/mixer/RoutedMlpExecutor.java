package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.MixerWeights.RoutedMlpWeights;
import dev.krait.model.RoutedMlp;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;

/// The mixture of experts: scores, projection to the latent width where there is one, experts, and
/// back.
final class RoutedMlpExecutor implements MixerExecutor {
  private final Ops ops;
  private final RoutedMlpWeights weights;
  private final Rows input;
  private final Rows output;
  private final ExpertsArgs experts;

  static void addScratch(RoutedMlp mixer, MixerScratch.Widths widths) {
    widths.include(Area.SELECTION, mixer.scores());
    widths.include(Area.MIXED, mixer.latentDim());
    widths.include(Area.CONVOLVED, mixer.latentDim());
  }

  RoutedMlpExecutor(RoutedMlpWeights weights, MixerMemory memory) {
    RoutedMlp mixer = weights.mixer();
    MixerScratch scratch = memory.scratch();
    boolean latent = mixer.latentDim() > 0;
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    experts =
        new ExpertsArgs(
            latent ? scratch.rows(Area.CONVOLVED, mixer.latentDim()) : output,
            latent ? scratch.rows(Area.MIXED, mixer.latentDim()) : input,
            scratch.rows(Area.SELECTION, mixer.scores()),
            weights);
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(experts.scores(), input, weights.router(), step.tokens);
    if (weights.toLatent().isPresent()) {
      ops.matmul(experts.x(), input, weights.toLatent().get(), step.tokens);
    }
    ops.experts(experts, step.tokens);
    if (weights.fromLatent().isPresent()) {
      ops.matmul(output, experts.dst(), weights.fromLatent().get(), step.tokens);
    }
  }
}
