package dev.krait.backend.cpu;

import jdk.incubator.vector.FloatVector;

/// The softmax of a row's largest value; its sum in the stripes of [RowNorm], so that every vector
/// width gives the same bits.
final class Softmax {
  private static final int STRIPES = RowNorm.STRIPES;

  private Softmax() {}

  /// `1 / sum_i exp(values[from + i] - most)` of `count` values, none above `most`.
  ///
  /// @param partials room for the stripes
  static float ofLargest(float[] values, int from, int count, float most, float[] partials) {
    int whole = count & -STRIPES;
    for (int stripe = 0; stripe < STRIPES; stripe += Lanes.COUNT) {
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int i = stripe; i < whole; i += STRIPES) {
        FloatVector v = FloatVector.fromArray(Lanes.FLOATS, values, from + i);
        sum = sum.add(VectorMath.decay(v.sub(most)));
      }
      sum.intoArray(partials, stripe);
    }
    for (int i = whole; i < count; i++) {
      partials[i - whole] += VectorMath.decay(values[from + i] - most);
    }
    return 1 / RowNorm.total(partials);
  }
}
