package dev.krait.backend;

import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights.GatedDeltaNetWeights;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.model.MixerWeights.RoutedMlpWeights;
import dev.krait.model.Norm;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.Optional;

/// What the operations with many arguments take beside the step; destination first. Made once, when
/// a model is bound to its memory.
public sealed interface OpArgs {

  /// Arguments of a norm.
  ///
  /// @param dst `[tokens, width]`
  /// @param x `[tokens, width]`
  /// @param weight `[width]`
  /// @param norm width and epsilon
  record NormArgs(Rows dst, Rows x, Buffer weight, Norm norm) implements OpArgs {}

  /// Arguments of a norm of every head.
  ///
  /// @param x what is normed in place `[tokens, heads * headDim]`
  /// @param heads heads of a row
  /// @param weight `[headDim]`, the same for all heads
  /// @param norm width of a head and epsilon
  record HeadNormArgs(Rows x, int heads, Buffer weight, Norm norm) implements OpArgs {}

  /// Arguments of a norm behind a gate.
  ///
  /// @param dst `[tokens, groups * width]`; may be `y`
  /// @param y what is gated and normed
  /// @param z the gate
  /// @param weight `[groups * width]`
  /// @param groups parts of a row that have a mean square of their own
  /// @param epsilon added to the mean square
  record GatedNormArgs(Rows dst, Rows y, Rows z, Buffer weight, int groups, float epsilon)
      implements OpArgs {}

  /// Arguments of a gated product.
  ///
  /// @param dst `[tokens, width]`
  /// @param gateUp scratch `[tokens, 2 * width]`
  /// @param gate the first half of the columns of `gateUp`
  /// @param up the second half
  /// @param x `[tokens, columns]`
  /// @param weight rows of gate, then up `[2 * width, columns]`
  record GatedMatmulArgs(Rows dst, Rows gateUp, Rows gate, Rows up, Rows x, WeightMatrix weight)
      implements OpArgs {
    /// Arguments whose halves follow from `gateUp`.
    public static GatedMatmulArgs of(Rows dst, Rows gateUp, Rows x, WeightMatrix weight) {
      int width = gateUp.columns() / 2;
      Rows gate = gateUp.columns(0, width);
      return new GatedMatmulArgs(dst, gateUp, gate, gateUp.columns(width, width), x, weight);
    }
  }

  /// Arguments of the choice of tokens.
  ///
  /// @param logits `[outputs, columns or more]`
  /// @param columns ids that can be chosen
  /// @param probabilities whether each token's probability is wanted: of a greedy one its softmax
  ///   over those columns, not defined beside NaN; of another one what it was drawn with
  record ChooseArgs(Rows logits, int columns, boolean probabilities) implements OpArgs {}

  /// Arguments of attention.
  ///
  /// @param dst `[tokens, heads * headDim]`
  /// @param queries `[tokens, heads * headDim]`; what they are afterwards is the backend's affair
  /// @param keys `[tokens, kvHeads * headDim]`
  /// @param values `[tokens, kvHeads * headDim]`
  /// @param angles of the layer's rotary embedding; empty where it has none
  /// @param cache the layer's keys and values
  /// @param attention the layer's description
  record AttentionArgs(
      Rows dst,
      Rows queries,
      Rows keys,
      Rows values,
      Optional<RopeAngles> angles,
      KvCache cache,
      Attention attention)
      implements OpArgs {}

  /// Arguments of a causal convolution.
  ///
  /// @param dst `[tokens, channels]`
  /// @param x raw inputs `[tokens, channels / repeat]`
  /// @param taps `[channels, width]`, oldest first
  /// @param bias `[channels]`
  /// @param width taps of a channel
  /// @param groupWidth channels of a group that is repeated as a whole
  /// @param repeat channels of the result that one raw channel feeds
  /// @param activation what is applied to the result
  /// @param cache the ring of raw inputs
  record CausalConvArgs(
      Rows dst,
      Rows x,
      Buffer taps,
      Buffer bias,
      int width,
      int groupWidth,
      int repeat,
      Activation activation,
      StateCache cache)
      implements OpArgs {}

  /// Arguments of the Mamba-1 scan.
  ///
  /// @param dst gated output `[tokens, innerDim]`
  /// @param x convolved x `[tokens, innerDim]`
  /// @param timeStep step sizes before bias and softplus `[tokens, innerDim]`
  /// @param b vectors B `[tokens, bGroups * stateDim]`
  /// @param c vectors C `[tokens, cGroups * stateDim]`
  /// @param z gate `[tokens, innerDim]`
  /// @param weights the layer
  /// @param cache state and replay window
  record SelectiveScanArgs(
      Rows dst,
      Rows x,
      Rows timeStep,
      Rows b,
      Rows c,
      Rows z,
      Mamba1Weights weights,
      StateCache cache)
      implements OpArgs {}

  /// Arguments of the Mamba-2 scan.
  ///
  /// @param dst output before gate and norm `[tokens, innerDim]`
  /// @param xbc convolved x, B, C `[tokens, convChannels]`
  /// @param timeStep step sizes before bias and softplus `[tokens, heads]`
  /// @param weights the layer
  /// @param cache state and replay window
  record SsdScanArgs(Rows dst, Rows xbc, Rows timeStep, Mamba2Weights weights, StateCache cache)
      implements OpArgs {}

  /// Arguments of the gated delta rule.
  ///
  /// @param dst output before norm and gate `[tokens, valueColumns]`
  /// @param qkv convolved q, k, v, the heads of q and k normed `[tokens, convChannels]`
  /// @param beta step sizes before the sigmoid `[tokens, valueHeads]`
  /// @param decay decays before bias and softplus `[tokens, decays]`
  /// @param weights the layer
  /// @param cache state and replay window
  record DeltaRuleArgs(
      Rows dst, Rows qkv, Rows beta, Rows decay, GatedDeltaNetWeights weights, StateCache cache)
      implements OpArgs {}

  /// Arguments of a mixture of experts.
  ///
  /// @param dst `[tokens, width]`
  /// @param x what the experts read `[tokens, width]`
  /// @param scores logits of the router `[tokens, scores]`
  /// @param weights the layer
  record ExpertsArgs(Rows dst, Rows x, Rows scores, RoutedMlpWeights weights) implements OpArgs {}
}
