package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The largest value of a row and its softmax, whose sum is in the stripes of [RowNorm], so that
/// every vector width gives the same bits.
final class Softmax {
  private static final int STRIPES = RowNorm.STRIPES;

  private Softmax() {}

  /// As [dev.krait.sampling.Sampler#argMax].
  static int largest(float[] values, int from, int count) {
    int whole = Lanes.whole(count);
    FloatVector mosts = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, values, from + i);
      mosts = mosts.blend(v, v.compare(VectorOperators.GT, mosts));
    }
    float most = mosts.reduceLanes(VectorOperators.MAX);
    for (int i = whole; i < count; i++) {
      most = values[from + i] > most ? values[from + i] : most;
    }
    return Float.isInfinite(most) ? -1 : first(values, from, count, most);
  }

  private static int first(float[] values, int from, int count, float value) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector v = FloatVector.fromArray(Lanes.FLOATS, values, from + i);
      VectorMask<Float> equal = v.compare(VectorOperators.EQ, value);
      if (equal.anyTrue()) {
        return i + equal.firstTrue();
      }
    }
    int i = whole;
    while (values[from + i] != value) {
      i++;
    }
    return i;
  }

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
