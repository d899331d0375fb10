package dev.krait.model;

import java.util.List;

/// One residual block: `residual += sum_i scale_i mixer_i(norm(residual))`.
///
/// @param norm what is applied to the residual stream first
/// @param mixers what is computed side by side of the same normalised input, at least one
public record ResidualBlock(Norm norm, List<ScaledMixer> mixers) {

  /// A mixer and what its output is multiplied with before it is added.
  ///
  /// @param mixer what is computed
  /// @param scale the factor
  public record ScaledMixer(Mixer mixer, float scale) {}

  /// Checks that there is a mixer.
  public ResidualBlock {
    mixers = List.copyOf(mixers);
    if (mixers.isEmpty()) {
      throw new IllegalArgumentException("mixers: none (expected: at least one)");
    }
  }

  /// A block of one mixer, added as it is.
  public static ResidualBlock of(Norm norm, Mixer mixer) {
    return new ResidualBlock(norm, List.of(new ScaledMixer(mixer, 1)));
  }
}
