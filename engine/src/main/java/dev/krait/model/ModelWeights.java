package dev.krait.model;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;
import java.util.List;

/// Weights of a loaded model, as the operations take them.
///
/// @param embedding token embeddings `[vocab, hiddenDim]`
/// @param layers one list of branch weights per layer, as in the specification
/// @param finalNorm weight of the last norm `[hiddenDim]`
/// @param head output projection `[headRows, hiddenDim]`; the embedding itself where they are tied
public record ModelWeights(
    WeightMatrix embedding, List<List<BlockWeights>> layers, Buffer finalNorm, WeightMatrix head) {

  /// Weights of one branch.
  ///
  /// @param norm weight of its norm `[hiddenDim]`
  /// @param mixer weights of its mixer
  public record BlockWeights(Buffer norm, MixerWeights mixer) {}

  /// Weights of a mixer, one kind for each [Mixer].
  public sealed interface MixerWeights {}

  /// Weights of [Mixer.Attention].
  ///
  /// @param projection rows of queries, keys, values
  /// @param output `[hiddenDim, heads * headDim]`
  public record AttentionWeights(WeightMatrix projection, WeightMatrix output)
      implements MixerWeights {}

  /// Weights of [Mixer.Mamba1].
  ///
  /// @param projection rows of z, x, and for MambaInLlama B, C, low-rank step size
  /// @param conv taps `[innerDim, convWidth]`, oldest first
  /// @param convBias `[innerDim]`
  /// @param selection for the original form: rows of low-rank step size, B, C, from the convolved
  ///   x; else empty
  /// @param timeStep `[innerDim, timeStepRank]`
  /// @param timeStepBias added before softplus, `[innerDim]`, as often as the family adds it
  /// @param a `A = -exp(A_log)`, transposed to `[stateDim, innerDim]`
  /// @param d skip weights `[innerDim]`
  /// @param output `[hiddenDim, innerDim]`
  public record Mamba1Weights(
      WeightMatrix projection,
      Buffer conv,
      Buffer convBias,
      java.util.Optional<WeightMatrix> selection,
      WeightMatrix timeStep,
      Buffer timeStepBias,
      Buffer a,
      Buffer d,
      WeightMatrix output)
      implements MixerWeights {}

  /// Weights of [Mixer.Mamba2].
  ///
  /// @param projection rows of z, x, B, C, step sizes
  /// @param conv taps `[convChannels, convWidth]`, oldest first
  /// @param convBias `[convChannels]`
  /// @param timeStepBias added before softplus `[heads]`
  /// @param a `A = -exp(A_log)` `[heads]`
  /// @param d skip weights `[heads]`
  /// @param norm weight of the gated norm `[innerDim]`
  /// @param output `[hiddenDim, innerDim]`
  public record Mamba2Weights(
      WeightMatrix projection,
      Buffer conv,
      Buffer convBias,
      Buffer timeStepBias,
      Buffer a,
      Buffer d,
      Buffer norm,
      WeightMatrix output)
      implements MixerWeights {}

  /// Weights of [Mixer.GatedMlp].
  ///
  /// @param gateUp rows of gate, then up
  /// @param down `[hiddenDim, intermediateDim]`
  public record GatedMlpWeights(WeightMatrix gateUp, WeightMatrix down) implements MixerWeights {}
}
