package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import java.util.Optional;

/// A short gated convolution (LFM2): `out(C * conv(B * x))` with `B, C, x = in(input)`, a tap for
/// each of the last tokens of a channel and neither bias nor activation.
///
/// @param hiddenDim channels
/// @param convWidth taps of a channel
public record ShortConv(int hiddenDim, int convWidth) implements Mixer {

  /// The last products `B * x`; there is no other state.
  public StateSpec states() {
    return new StateSpec(0, hiddenDim, convWidth, 0);
  }

  @Override
  public Optional<CacheSpec> cacheSpec() {
    return Optional.of(states());
  }
}
