package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer.Mamba2;
import java.util.List;

/// What a configuration calls the sizes of Mamba-2.
///
/// @param heads key of the number of heads
/// @param headDim key of the elements of a head
/// @param stateDim key of the state elements per head element
/// @param groups key of the vectors B, and C, per token
/// @param convWidth key of the taps of the convolution
record Mamba2Keys(String heads, String headDim, String stateDim, String groups, String convWidth) {
  /// Those of Granite and its kin.
  static final Mamba2Keys BAMBA =
      new Mamba2Keys(
          "mamba_n_heads", "mamba_d_head", "mamba_d_state", "mamba_n_groups", "mamba_d_conv");

  /// The sizes, with a gated norm over each group.
  Mamba2 read(ModelFolder folder, float epsilon) {
    int own = folder.config().positiveInt(groups, 1);
    return read(folder, epsilon, own, List.of());
  }

  /// The sizes.
  ///
  /// @param normGroups groups of the gated norm; 0 for a gate without norm
  /// @param segmentScales factors of the segments of the projection
  Mamba2 read(ModelFolder folder, float epsilon, int normGroups, List<Float> segmentScales) {
    CheckpointConfig config = folder.config();
    int heads = config.positiveInt(this.heads);
    int headDim = config.positiveInt(this.headDim);
    int stateDim = config.positiveInt(this.stateDim);
    int groups = config.positiveInt(this.groups, 1);
    int convWidth = config.positiveInt(this.convWidth);
    folder.require(
        heads % groups == 0, config, this.groups, "a divisor of the " + heads + " heads");
    int inner = folder.product(config, this.heads + " * " + this.headDim, heads, headDim);
    int shared = folder.product(config, this.groups + " * " + this.stateDim, groups, stateDim);
    folder.product(config, "inner size * " + this.stateDim, inner, stateDim);
    folder.product(config, "convolved channels * " + this.convWidth, inner + 2 * shared, convWidth);
    return new Mamba2(
        heads,
        headDim,
        stateDim,
        heads,
        groups,
        groups,
        convWidth,
        normGroups,
        epsilon,
        segmentScales);
  }
}
