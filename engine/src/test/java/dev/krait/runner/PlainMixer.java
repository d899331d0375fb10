package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer;
import dev.krait.model.MixerWeights;
import dev.krait.model.MixerWeights.GatedMlpWeights;
import dev.krait.model.MixerWeights.MlpWeights;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.FloatBuffer;
import java.util.List;

/// A mixer with its weights as arrays, computed plainly in double precision over a whole sequence.
interface PlainMixer {
  Mixer mixer();

  /// The output of every token `[tokens][hidden]`.
  double[][] compute(double[][] x);

  /// The same weights on a backend.
  MixerWeights load(Backend backend);

  /// A plain feed-forward.
  record PlainMlp(Mlp mixer, FloatBuffer up, FloatBuffer down) implements PlainMixer {
    @Override
    public double[][] compute(double[][] x) {
      double[][] inner = multiply(x, up, mixer.intermediateDim());
      for (double[] row : inner) {
        for (int i = 0; i < row.length; i++) {
          row[i] = activated(mixer.activation(), row[i]);
        }
      }
      return multiply(inner, down, x[0].length);
    }

    @Override
    public MixerWeights load(Backend backend) {
      int inner = mixer.intermediateDim();
      return new MlpWeights(
          mixer, matrix(backend, up, up.capacity() / inner), matrix(backend, down, inner));
    }
  }

  /// A gated feed-forward; `gateUp` has the rows of the gate, then those of up.
  record PlainGatedMlp(GatedMlp mixer, FloatBuffer gateUp, FloatBuffer down) implements PlainMixer {
    @Override
    public double[][] compute(double[][] x) {
      int width = mixer.intermediateDim();
      double[][] both = multiply(x, gateUp, 2 * width);
      double[][] inner = new double[x.length][width];
      for (int t = 0; t < x.length; t++) {
        for (int i = 0; i < width; i++) {
          inner[t][i] = activated(Activation.SILU, both[t][i]) * both[t][width + i];
        }
      }
      return multiply(inner, down, x[0].length);
    }

    @Override
    public MixerWeights load(Backend backend) {
      int inner = mixer.intermediateDim();
      return new GatedMlpWeights(
          mixer,
          matrix(backend, gateUp, gateUp.capacity() / (2 * inner)),
          matrix(backend, down, inner));
    }
  }

  /// `weight x` for each row of `x`.
  static double[][] multiply(double[][] x, FloatBuffer weight, int rows) {
    double[][] product = new double[x.length][rows];
    for (int t = 0; t < x.length; t++) {
      for (int r = 0; r < rows; r++) {
        for (int k = 0; k < x[t].length; k++) {
          product[t][r] += weight.get(r * x[t].length + k) * x[t][k];
        }
      }
    }
    return product;
  }

  /// `count` numbers over their root mean square, times the weight, in place.
  static void norm(double[] x, int from, int count, FloatBuffer weight, double epsilon) {
    double squares = 0;
    for (int i = 0; i < count; i++) {
      squares += x[from + i] * x[from + i];
    }
    double scale = 1 / Math.sqrt(squares / count + epsilon);
    for (int i = 0; i < count; i++) {
      x[from + i] *= scale * weight.get(i);
    }
  }

  static double activated(Activation activation, double v) {
    return switch (activation) {
      case NONE -> v;
      case SIGMOID -> 1 / (1 + Math.exp(-v));
      case SILU -> v / (1 + Math.exp(-v));
      case RELU -> v > 0 ? v : 0;
      case SQUARED_RELU -> v > 0 ? v * v : 0;
      case GELU -> v * normalDistribution(v);
    };
  }

  /// The area below the bell curve up to `v`, by Simpson's rule from 0 on.
  private static double normalDistribution(double v) {
    int parts = 2000;
    double width = v / parts;
    double sum = 0;
    for (int i = 0; i <= parts; i++) {
      double x = i * width;
      int weight = i == 0 || i == parts ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * Math.exp(-x * x / 2);
    }
    return 0.5 + sum * width / 3 / Math.sqrt(2 * Math.PI);
  }

  static WeightMatrix matrix(Backend backend, FloatBuffer values, int columns) {
    Shape shape = Shape.of(values.capacity() / columns, columns);
    Tensor tensor = new Tensor(DType.F32, shape, MemorySegment.ofArray(values.array()));
    return backend.upload(StoredMatrix.Dense.of(List.of(tensor)));
  }

  static Buffer buffer(Backend backend, FloatBuffer values) {
    Buffer buffer = backend.allocate(values.capacity());
    buffer.write(0, values.array());
    return buffer;
  }
}
