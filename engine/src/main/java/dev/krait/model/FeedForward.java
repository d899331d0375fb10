package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import java.util.Optional;

/// What is computed of each token alone.
public sealed interface FeedForward extends Mixer {

  @Override
  default Optional<CacheSpec> cacheSpec() {
    return Optional.empty();
  }

  /// `down(silu(gate(x)) * up(x))`.
  ///
  /// @param intermediateDim width between the projections
  record GatedMlp(int intermediateDim) implements FeedForward {}

  /// `down(activation(up(x)))`.
  ///
  /// @param intermediateDim width between the projections
  /// @param activation what is applied between them
  record Mlp(int intermediateDim, Activation activation) implements FeedForward {}
}
