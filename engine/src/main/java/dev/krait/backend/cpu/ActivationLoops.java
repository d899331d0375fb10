package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.model.Activation;
import jdk.incubator.vector.FloatVector;

/// The functions of [Activation] over an array, a loop for each: a choice inside a loop would make
/// objects of vectors.
final class ActivationLoops {
  private ActivationLoops() {}

  /// `v = activation(v)`.
  static void apply(Activation activation, float[] v, int from, int count) {
    switch (activation) {
      case NONE -> {}
      case SIGMOID -> sigmoid(v, from, count);
      case SILU -> ElementTask.silu(v, from, count);
      case RELU -> relu(v, from, count);
      case SQUARED_RELU -> squaredRelu(v, from, count);
      case GELU -> gelu(v, from, count);
    }
  }

  /// `v = 1 / (1 + exp(-v))`.
  private static void sigmoid(float[] v, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = from; i < from + whole; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, v, i);
      VectorMath.sigmoid(x).intoArray(v, i);
    }
    for (int i = from + whole; i < from + count; i++) {
      v[i] = VectorMath.sigmoid(v[i]);
    }
  }

  /// `v = max(v, 0)`.
  private static void relu(float[] v, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = from; i < from + whole; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, v, i);
      x.max(0f).intoArray(v, i);
    }
    for (int i = from + whole; i < from + count; i++) {
      v[i] = Math.max(v[i], 0);
    }
  }

  /// `v = max(v, 0)^2`.
  private static void squaredRelu(float[] v, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = from; i < from + whole; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, v, i);
      x.max(0f).mul(x.max(0f)).intoArray(v, i);
    }
    for (int i = from + whole; i < from + count; i++) {
      v[i] = Math.max(v[i], 0) * Math.max(v[i], 0);
    }
  }

  /// `v = v (1 + erf(v / sqrt(2))) / 2`.
  private static void gelu(float[] v, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = from; i < from + whole; i += Lanes.COUNT) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, v, i);
      VectorMath.gelu(x).intoArray(v, i);
    }
    for (int i = from + whole; i < from + count; i++) {
      v[i] = VectorMath.gelu(v[i]);
    }
  }
}
