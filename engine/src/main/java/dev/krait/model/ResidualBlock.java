package dev.krait.model;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// One residual block: `residual += sum_i scale_i mixer_i(norm(residual))`, or `residual +=
/// norm(sum_i scale_i mixer_i(residual))`.
///
/// @param norm what is applied to the residual stream first, or to the sum
/// @param mixers what is computed side by side of the same input, at least one
/// @param normsOutput whether the norm is that of the sum
/// @param side what is added to the input before it is normed
public record ResidualBlock(
    Norm norm, List<ScaledMixer> mixers, boolean normsOutput, Optional<SidePath> side) {

  /// A block that norms its input.
  public ResidualBlock(Norm norm, List<ScaledMixer> mixers) {
    this(norm, mixers, false, Optional.empty());
  }

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

  /// All mixers, those of the side path first.
  Stream<Mixer> allMixers() {
    return Stream.concat(
        side.stream().flatMap(SidePath::mixers), mixers.stream().map(ScaledMixer::mixer));
  }

  /// A block of one mixer, added as it is.
  public static ResidualBlock of(Norm norm, Mixer mixer) {
    return new ResidualBlock(norm, List.of(new ScaledMixer(mixer, 1)));
  }
}
