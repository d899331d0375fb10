package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import java.util.Optional;

/// The gated delta rule (arXiv 2412.06464), and with a decay for each key channel Kimi delta
/// attention (arXiv 2510.26692).
///
/// ```
/// q, k, v  = silu(conv(q, k, v)), each head of q and k then divided by its norm, q also by sqrt(K)
/// decay    = exp(-exp(A_log) softplus(a + bias))
/// S[i, j]  = decay S[i, j]
/// u[j]     = betaScale sigmoid(b) (v[j] - sum_i k[i] S[i, j])
/// S[i, j]  = S[i, j] + k[i] u[j]
/// y[j]     = sum_i q[i] S[i, j]
/// out      = headNorm(y) weight activation(z)
/// ```
///
/// A replay needs k, u and decay alone.
///
/// @param keyHeads heads of q and k; each serves `valueHeads / keyHeads` neighbours
/// @param valueHeads heads of v; each has a state
/// @param keyDim elements of a head of q and k
/// @param valueDim elements of a head of v
/// @param convWidth taps of the convolution
/// @param betaScale 2 where a state may also be reflected
/// @param lowRank 0 for one decay a head, projected with everything else; else the width that the
///   decays of all key channels and the gate are projected through
/// @param gate activation of z
/// @param normEpsilon added to the mean square of a head
public record GatedDeltaNet(
    int keyHeads,
    int valueHeads,
    int keyDim,
    int valueDim,
    int convWidth,
    float betaScale,
    int lowRank,
    Activation gate,
    float normEpsilon)
    implements Mixer {

  /// Checks the divisors.
  public GatedDeltaNet {
    Mixer.divides("keyHeads", keyHeads, "valueHeads", valueHeads);
    if (lowRank > 0 && keyHeads != valueHeads) {
      throw new IllegalArgumentException(
          "keyHeads: " + keyHeads + " (expected: valueHeads " + valueHeads + ")");
    }
  }

  /// Columns of q, and of k.
  public int keyColumns() {
    return keyHeads * keyDim;
  }

  /// Columns of v, z and the output.
  public int valueColumns() {
    return valueHeads * valueDim;
  }

  /// Channels of the convolution: q, k, v.
  public int convChannels() {
    return 2 * keyColumns() + valueColumns();
  }

  /// Decays of a token.
  public int decays() {
    return lowRank > 0 ? keyColumns() : valueHeads;
  }

  /// Decays of a head.
  public int headDecays() {
    return lowRank > 0 ? keyDim : 1;
  }

  /// Columns of the input projection: q, k, v, b, and z and a or what these two are projected from.
  public int projectionColumns() {
    int others = lowRank > 0 ? 2 * lowRank : valueColumns() + valueHeads;
    return convChannels() + valueHeads + others;
  }

  /// The head of q and k that serves a value head.
  public int keyHead(int valueHead) {
    return valueHead / (valueHeads / keyHeads);
  }

  /// Cached inputs of one token in the replay window: k, u, decays.
  public int inputElements() {
    return keyColumns() + valueColumns() + decays();
  }

  /// Its states.
  public StateSpec states() {
    return new StateSpec(
        (long) valueHeads * keyDim * valueDim, convChannels(), convWidth, inputElements());
  }

  @Override
  public Optional<CacheSpec> cacheSpec() {
    return Optional.of(states());
  }
}
