package dev.krait.model;

import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import java.util.stream.Stream;

/// What a residual block adds to its input, and not to the residual stream, before it norms it
/// (Zamba2): `linear(mlp(norm(attention(pairNorm([residual, embedding])))))`.
///
/// @param pairNorm norm of the residual stream and the token's embedding together
/// @param attention over these
/// @param norm norm of its output
/// @param mlp feed-forward of that
public record SidePath(Norm pairNorm, Attention attention, Norm norm, GatedMlp mlp) {

  /// What it is made of, in order.
  Stream<Mixer> mixers() {
    return Stream.of(attention, mlp);
  }
}
