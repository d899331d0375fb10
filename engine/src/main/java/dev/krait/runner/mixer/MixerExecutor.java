package dev.krait.runner.mixer;

import dev.krait.backend.StepInputs;
import dev.krait.model.FeedForward;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.LatentAttention;
import dev.krait.model.Mixer;
import dev.krait.model.MixerWeights;
import dev.krait.model.RoutedMlp;
import dev.krait.model.ShortConv;

/// Computes one mixer of a model, bound to its weights, its cache and scratch memory.
///
/// Whatever it gives the operations is made when it is bound; a step allocates nothing.
public interface MixerExecutor {

  /// Computes all rows of the step: reads the bound input, overwrites the bound output.
  void run(StepInputs step);

  /// Adds the scratch memory that a mixer needs.
  static void addScratch(Mixer mixer, MixerScratch.Widths widths) {
    switch (mixer) {
      case Mixer.Attention attention -> AttentionExecutor.addScratch(attention, widths);
      case Mixer.Mamba1 mamba -> Mamba1Executor.addScratch(mamba, widths);
      case Mixer.Mamba2 mamba -> Mamba2Executor.addScratch(mamba, widths);
      case ShortConv conv -> ShortConvExecutor.addScratch(conv, widths);
      case GatedDeltaNet delta -> GatedDeltaNetExecutor.addScratch(delta, widths);
      case LatentAttention attention -> LatentAttentionExecutor.addScratch(attention, widths);
      case RoutedMlp mlp -> RoutedMlpExecutor.addScratch(mlp, widths);
      case FeedForward.GatedMlp mlp -> GatedMlpExecutor.addScratch(mlp, widths);
      case FeedForward.Mlp mlp -> MlpExecutor.addScratch(mlp, widths);
    }
  }

  /// The executor of a mixer.
  static MixerExecutor bind(MixerWeights weights, MixerMemory memory) {
    return switch (weights) {
      case MixerWeights.AttentionWeights attention -> new AttentionExecutor(attention, memory);
      case MixerWeights.Mamba1Weights mamba -> new Mamba1Executor(mamba, memory);
      case MixerWeights.Mamba2Weights mamba -> new Mamba2Executor(mamba, memory);
      case MixerWeights.ShortConvWeights conv -> new ShortConvExecutor(conv, memory);
      case MixerWeights.GatedDeltaNetWeights delta -> new GatedDeltaNetExecutor(delta, memory);
      case MixerWeights.LatentAttentionWeights attention ->
          new LatentAttentionExecutor(attention, memory);
      case MixerWeights.RoutedMlpWeights mlp -> new RoutedMlpExecutor(mlp, memory);
      case MixerWeights.GatedMlpWeights mlp -> new GatedMlpExecutor(mlp, memory);
      case MixerWeights.MlpWeights mlp -> new MlpExecutor(mlp, memory);
    };
  }
}
