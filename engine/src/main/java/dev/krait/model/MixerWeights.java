package dev.krait.model;

import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;
import java.util.List;
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
  /// @param queryNorm weight of the norm of a query's head `[headDim]`, or of all
  /// @param keyNorm weight of the norm of a key's head `[headDim]`, or of all
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
  /// @param innerNorms weights of the norms of low-rank step size, B and C, where there are any
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
      List<Buffer> innerNorms,
      WeightMatrix output)
      implements MixerWeights {
    /// Weights without inner norms.
    public Mamba1Weights(
        Mamba1 mixer,
        WeightMatrix projection,
        Buffer conv,
        Buffer convBias,
        Optional<WeightMatrix> selection,
        WeightMatrix timeStep,
        Buffer timeStepBias,
        Buffer a,
        Buffer d,
        WeightMatrix output) {
      this(
          mixer,
          projection,
          conv,
          convBias,
          selection,
          timeStep,
          timeStepBias,
          a,
          d,
          List.of(),
          output);
    }

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
  /// @param norm weight of the gated norm `[innerDim]`, where there is one
  /// @param output `[hiddenDim, innerDim]`
  record Mamba2Weights(
      Mamba2 mixer,
      WeightMatrix projection,
      Buffer conv,
      Buffer convBias,
      Buffer timeStepBias,
      Buffer a,
      Buffer d,
      Optional<Buffer> norm,
      WeightMatrix output)
      implements MixerWeights {
    /// Weights with a norm.
    public Mamba2Weights(
        Mamba2 mixer,
        WeightMatrix projection,
        Buffer conv,
        Buffer convBias,
        Buffer timeStepBias,
        Buffer a,
        Buffer d,
        Buffer norm,
        WeightMatrix output) {
      this(mixer, projection, conv, convBias, timeStepBias, a, d, Optional.of(norm), output);
    }

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

  /// Weights of a short convolution.
  ///
  /// @param mixer its description
  /// @param projection rows of B, C, x
  /// @param conv taps `[hiddenDim, convWidth]`, oldest first
  /// @param noBias zeros `[hiddenDim]`
  /// @param output `[hiddenDim, hiddenDim]`
  record ShortConvWeights(
      ShortConv mixer, WeightMatrix projection, Buffer conv, Buffer noBias, WeightMatrix output)
      implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.of(projection, output);
    }
  }

  /// Weights of a gated delta net.
  ///
  /// @param mixer its description
  /// @param projection rows of q, k, v, b, z, a; instead of z and a what they are projected from
  ///   where the mixer has a low rank
  /// @param gate `[valueColumns, lowRank]` where it has one
  /// @param decay `[decays, lowRank]` where it has one
  /// @param conv taps `[convChannels, convWidth]`, oldest first
  /// @param decayBias added before softplus `[decays]`
  /// @param a `-exp(A_log)` `[valueHeads]`
  /// @param vectors constants
  /// @param norm weight of a head's norm `[valueDim]`
  /// @param output `[hiddenDim, valueColumns]`
  record GatedDeltaNetWeights(
      GatedDeltaNet mixer,
      WeightMatrix projection,
      Optional<WeightMatrix> gate,
      Optional<WeightMatrix> decay,
      Buffer conv,
      Buffer decayBias,
      Buffer a,
      DeltaVectors vectors,
      Buffer norm,
      WeightMatrix output)
      implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.concat(
          Stream.of(projection, output), Stream.concat(gate.stream(), decay.stream()));
    }
  }

  /// Constants of a gated delta net.
  ///
  /// @param noBias zeros `[convChannels]`
  /// @param queryNorm `1 / keyDim` in each of `[keyDim]`, which makes of a norm by the root of the
  ///   mean square one by the root of the sum, divided by the root of `keyDim`
  /// @param keyNorm `1 / sqrt(keyDim)` in each of `[keyDim]`
  record DeltaVectors(Buffer noBias, Buffer queryNorm, Buffer keyNorm) {}

  /// Weights of latent attention.
  ///
  /// @param mixer its description
  /// @param projection rows of queries, latent and shared part
  /// @param latentNorm weight of the latent vector's norm `[latentDim]`
  /// @param absorb for each head `[rowDim, queryDim]`: the transposed projection of its keys, and
  ///   ones for the shared part
  /// @param values for each head `[valueDim, latentDim]`
  /// @param output `[hiddenDim, heads * valueDim]`
  record LatentAttentionWeights(
      LatentAttention mixer,
      WeightMatrix projection,
      Buffer latentNorm,
      List<WeightMatrix> absorb,
      List<WeightMatrix> values,
      WeightMatrix output)
      implements MixerWeights {
    @Override
    public Stream<WeightMatrix> matrices() {
      return Stream.concat(
          Stream.of(projection, output), Stream.concat(absorb.stream(), values.stream()));
    }
  }

  /// Weights of a mixture of experts.
  ///
  /// @param mixer its description
  /// @param router `[scores, hiddenDim]`
  /// @param bias of the choice `[experts]` where there is one
  /// @param toLatent `[latentDim, hiddenDim]` where there is one
  /// @param experts all of them, the shared one last
  /// @param fromLatent `[hiddenDim, latentDim]` where there is one
  record RoutedMlpWeights(
      RoutedMlp mixer,
      WeightMatrix router,
      Optional<Buffer> bias,
      Optional<WeightMatrix> toLatent,
      List<Expert> experts,
      Optional<WeightMatrix> fromLatent)
      implements MixerWeights {
    /// Those of as many experts as a token goes through.
    @Override
    public Stream<WeightMatrix> matrices() {
      int shared = mixer.sharedDim() > 0 ? 1 : 0;
      int first = mixer.experts() - mixer.perToken();
      return Stream.of(
              Stream.of(router),
              toLatent.stream(),
              fromLatent.stream(),
              experts.subList(first, mixer.experts() + shared).stream()
                  .flatMap(expert -> Stream.of(expert.up(), expert.down())))
          .flatMap(each -> each);
    }
  }

  /// Weights of an expert.
  ///
  /// @param up rows of gate, then up where there is a gate
  /// @param down back to the width of the input
  record Expert(WeightMatrix up, WeightMatrix down) {}
}
