package dev.krait.model;

import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;
import java.util.Optional;
import java.util.stream.Stream;

/// A mixer with its weights, one kind for each kind of [Mixer].
public sealed interface MixerWeights {

  /// What they are the weights of.
  Mixer mixer();

  /// Every matrix that a token is multiplied with.
  Stream<WeightMatrix> matrices();

  /// Weights of attention.
  ///
  /// @param mixer its description
  /// @param projection rows of queries, keys, values, and the gate where there is one
  /// @param bias `[projectionColumns]`
  /// @param queryNorm weight of the norm of a query's head `[headDim]`
  /// @param keyNorm weight of the norm of a key's head `[headDim]`
  /// @param output `[hiddenDim, heads * headDim]`
  /// @param outputBias `[hiddenDim]`
  record AttentionWeights(
      Attention mixer,
      WeightMatrix projection,
      Optional<Buffer> bias,
      Optional<Buffer> queryNorm,
      Optional<Buffer> keyNorm,
      WeightMatrix output,
      Optional<Buffer> outputBias)
      implements MixerWeights {
    /// Checks that there is what the description says.
    public AttentionWeights {
      requireSame("bias", bias.isPresent(), mixer.bias());
      requireSame("queryNorm", queryNorm.isPresent(), mixer.headNorm().isPresent());
      requireSame("keyNorm", keyNorm.isPresent(), mixer.headNorm().isPresent());
      requireSame("outputBias", outputBias.isPresent(), mixer.outputBias());
    }

    private static void requireSame(String name, boolean present, boolean described) {
      if (present != described) {
        throw new IllegalArgumentException(
            name + ": present " + present + " (expected: " + described + ")");
      }
    }

    /// Weights of attention without norms and biases.
    public static AttentionWeights of(
        Attention mixer, WeightMatrix projection, WeightMatrix output) {
      Optional<Buffer> none = Optional.empty();
      return new AttentionWeights(mixer, projection, none, none, none, output, none);
    }

    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.of(projection, output);
    }
  }

  /// Weights of Mamba-1.
  ///
  /// @param mixer its description
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
  record Mamba1Weights(
      Mamba1 mixer,
      WeightMatrix projection,
      Buffer conv,
      Buffer convBias,
      Optional<WeightMatrix> selection,
      WeightMatrix timeStep,
      Buffer timeStepBias,
      Buffer a,
      Buffer d,
      WeightMatrix output)
      implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.concat(selection.stream(), Stream.of(projection, timeStep, output));
    }
  }

  /// Weights of Mamba-2.
  ///
  /// @param mixer its description
  /// @param projection rows of z, x, B, C, step sizes
  /// @param conv taps `[convChannels, convWidth]`, oldest first
  /// @param convBias `[convChannels]`
  /// @param timeStepBias added before softplus `[heads]`
  /// @param a `A = -exp(A_log)` `[heads]`
  /// @param d skip weights `[heads]`
  /// @param norm weight of the gated norm `[innerDim]`
  /// @param output `[hiddenDim, innerDim]`
  record Mamba2Weights(
      Mamba2 mixer,
      WeightMatrix projection,
      Buffer conv,
      Buffer convBias,
      Buffer timeStepBias,
      Buffer a,
      Buffer d,
      Buffer norm,
      WeightMatrix output)
      implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.of(projection, output);
    }
  }

  /// Weights of the gated feed-forward.
  ///
  /// @param mixer its description
  /// @param gateUp rows of gate, then up
  /// @param down `[hiddenDim, intermediateDim]`
  record GatedMlpWeights(GatedMlp mixer, WeightMatrix gateUp, WeightMatrix down)
      implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.of(gateUp, down);
    }
  }

  /// Weights of the plain feed-forward.
  ///
  /// @param mixer its description
  /// @param up `[intermediateDim, hiddenDim]`
  /// @param down `[hiddenDim, intermediateDim]`
  record MlpWeights(Mlp mixer, WeightMatrix up, WeightMatrix down) implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.of(up, down);
    }
  }
}
