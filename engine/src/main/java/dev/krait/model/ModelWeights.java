package dev.krait.model;

import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.MixerWeights.GatedMlpWeights;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;
import java.util.List;
import java.util.Optional;

/// Weights of a loaded model, as the operations take them.
///
/// @param embedding token embeddings `[vocab, hiddenDim]`
/// @param blocks the residual blocks of all layers, in order
/// @param finalNorm weight of the last norm `[hiddenDim]`
/// @param head output projection `[headRows, hiddenDim]`; the embedding itself where they are tied
public record ModelWeights(
    WeightMatrix embedding, List<BlockWeights> blocks, Buffer finalNorm, WeightMatrix head) {

  /// Copies the list.
  public ModelWeights {
    blocks = List.copyOf(blocks);
  }

  /// A residual block with its weights.
  ///
  /// @param block what they are the weights of
  /// @param norm weight of its norm `[hiddenDim]`
  /// @param mixers weights of its mixers, in order
  /// @param side weights of its side path, where it has one
  public record BlockWeights(
      ResidualBlock block, Buffer norm, List<MixerWeights> mixers, Optional<SideWeights> side) {
    /// A block without a side path.
    public BlockWeights(ResidualBlock block, Buffer norm, List<MixerWeights> mixers) {
      this(block, norm, mixers, Optional.empty());
    }

    /// Checks that the weights are those of the block's mixers.
    public BlockWeights {
      mixers = List.copyOf(mixers);
      List<Mixer> described =
          block.mixers().stream().map(ResidualBlock.ScaledMixer::mixer).toList();
      List<Mixer> loaded = mixers.stream().<Mixer>map(MixerWeights::mixer).toList();
      if (!loaded.equals(described) || side.isPresent() != block.side().isPresent()) {
        throw new IllegalArgumentException(
            "weights of " + loaded + " (expected: those of " + described + ")");
      }
    }
  }

  /// Weights of a side path.
  ///
  /// @param path what they are the weights of
  /// @param pairNorm weight of its first norm `[2 * hiddenDim]`
  /// @param attention of its attention, whose projection has `2 * hiddenDim` columns
  /// @param norm weight of its second norm `[hiddenDim]`
  /// @param mlp of its feed-forward
  /// @param linear `[hiddenDim, hiddenDim]`
  public record SideWeights(
      SidePath path,
      Buffer pairNorm,
      AttentionWeights attention,
      Buffer norm,
      GatedMlpWeights mlp,
      WeightMatrix linear) {}
}
