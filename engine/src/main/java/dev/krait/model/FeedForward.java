package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import java.util.Optional;

/// What is computed of each token alone.
public sealed interface FeedForward extends Mixer
    permits FeedForward.GatedMlp, FeedForward.Mlp, RoutedMlp {

  @Override
  default Optional<CacheSpec> cacheSpec() {
    return Optional.empty();
  }

  /// `down(activation(gateScale gate(x)) * up(x))`.
  ///
  /// @param intermediateDim width between the projections
  /// @param activation of the gate
  /// @param gateScale what the gate is multiplied with
  record GatedMlp(int intermediateDim, Activation activation, float gateScale)
      implements FeedForward {
    /// With silu and without a factor.
    public GatedMlp(int intermediateDim) {
      this(intermediateDim, Activation.SILU, 1);
    }
  }

  /// `down(activation(up(x)))`.
  ///
  /// @param intermediateDim width between the projections
  /// @param activation what is applied between them
  record Mlp(int intermediateDim, Activation activation) implements FeedForward {}
}
