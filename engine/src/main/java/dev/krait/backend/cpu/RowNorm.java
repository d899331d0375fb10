package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import jdk.incubator.vector.FloatVector;

/// Root-mean-square norm of one row.
///
/// The sum of squares is kept in 16 stripes, element `i` in stripe `i % 16`, each one chain of
/// fused multiply-adds; then the stripes are added as a binary tree. That order is the same for
/// every vector width.
final class RowNorm {
  static final int STRIPES = 16;

  private RowNorm() {}

  /// `out[to + i] = in[from + i] * scale * weight[weightFrom + i]`.
  static void normalise(
      float[] out,
      int to,
      float[] in,
      int from,
      float[] weight,
      int weightFrom,
      int width,
      float epsilon,
      float[] partials) {
    float sum = sumOfSquares(in, from, width, partials);
    float scale = (float) (1 / Math.sqrt((double) sum / width + epsilon));
    int whole = Lanes.whole(width);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, in, from + i)
          .mul(scale)
          .mul(FloatVector.fromArray(Lanes.FLOATS, weight, weightFrom + i))
          .intoArray(out, to + i);
    }
    for (int i = whole; i < width; i++) {
      out[to + i] = in[from + i] * scale * weight[weightFrom + i];
    }
  }

  private static float sumOfSquares(float[] in, int from, int width, float[] partials) {
    int whole = width & -STRIPES;
    for (int stripe = 0; stripe < STRIPES; stripe += Lanes.COUNT) {
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int i = stripe; i < whole; i += STRIPES) {
        FloatVector v = FloatVector.fromArray(Lanes.FLOATS, in, from + i);
        sum = v.fma(v, sum);
      }
      sum.intoArray(partials, stripe);
    }
    for (int i = whole; i < width; i++) {
      float v = in[from + i];
      partials[i - whole] = Math.fma(v, v, partials[i - whole]);
    }
    return total(partials);
  }

  /// The stripes' sum, as a binary tree; overwrites them.
  static float total(float[] partials) {
    for (int half = STRIPES / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        partials[i] += partials[i + half];
      }
    }
    return partials[0];
  }
}
