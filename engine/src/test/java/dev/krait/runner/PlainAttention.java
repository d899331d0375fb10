package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import java.nio.FloatBuffer;
import java.util.Optional;

/// Attention over a whole sequence written down plainly, in double precision.
///
/// @param projection rows of queries, keys, values and gate
/// @param bias of the projection, used where the mixer has one; the norms and the output's bias
///   likewise
record PlainAttention(
    Attention mixer,
    FloatBuffer projection,
    FloatBuffer bias,
    FloatBuffer queryNorm,
    FloatBuffer keyNorm,
    FloatBuffer output,
    FloatBuffer outputBias)
    implements PlainMixer {

  @Override
  public double[][] compute(double[][] x) {
    int dim = mixer.headDim();
    int firstValue = mixer.heads() + mixer.kvHeads();
    double[][] all = PlainMixer.multiply(x, projection, mixer.projectionColumns());
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < all[t].length && mixer.bias(); i++) {
        all[t][i] += bias.get(i);
      }
      for (int h = 0; h < firstValue; h++) {
        prepare(all[t], h, t);
      }
    }
    double[][] seen = new double[x.length][mixer.queryColumns()];
    for (int t = 0; t < x.length; t++) {
      for (int h = 0; h < mixer.heads(); h++) {
        attend(seen[t], all, t, h);
        for (int i = 0; i < dim && mixer.outputGate(); i++) {
          double gate = all[t][(firstValue + mixer.kvHeads() + h) * dim + i];
          seen[t][h * dim + i] *= PlainMixer.activated(Activation.SIGMOID, gate);
        }
      }
    }
    double[][] out = PlainMixer.multiply(seen, output, x[0].length);
    for (double[] row : out) {
      for (int i = 0; i < row.length && mixer.outputBias(); i++) {
        row[i] += outputBias.get(i);
      }
    }
    return out;
  }

  /// Norms and rotates a head of a query or a key.
  private void prepare(double[] row, int head, int position) {
    int dim = mixer.headDim();
    int from = head * dim;
    mixer
        .headNorm()
        .ifPresent(norm -> {
          FloatBuffer weight = head < mixer.heads() ? queryNorm : keyNorm;
          PlainMixer.norm(row, from, dim, weight, norm.epsilon());
        });
    mixer.rope().ifPresent(rope -> rotate(row, from, position, rope));
  }

  private static void rotate(double[] row, int from, int position, Rope rope) {
    int half = rope.dim() / 2;
    for (int i = 0; i < half; i++) {
      double angle = position * rope.frequency(i);
      double a = row[from + i];
      double b = row[from + half + i];
      row[from + i] = a * Math.cos(angle) - b * Math.sin(angle);
      row[from + half + i] = b * Math.cos(angle) + a * Math.sin(angle);
    }
  }

  private void attend(double[] seen, double[][] all, int t, int head) {
    int dim = mixer.headDim();
    int key = mixer.heads() + head / (mixer.heads() / mixer.kvHeads());
    int value = key + mixer.kvHeads();
    int first = mixer.window() == 0 ? 0 : Math.max(0, t - mixer.window() + 1);
    double[] weights = new double[t + 1];
    double total = 0;
    for (int p = first; p <= t; p++) {
      double score = 0;
      for (int i = 0; i < dim; i++) {
        score += all[t][head * dim + i] * all[p][key * dim + i];
      }
      weights[p] = Math.exp(score * mixer.scale());
      total += weights[p];
    }
    for (int p = first; p <= t; p++) {
      for (int i = 0; i < dim; i++) {
        seen[head * dim + i] += weights[p] / total * all[p][value * dim + i];
      }
    }
  }

  @Override
  public MixerWeights load(Backend backend) {
    return new AttentionWeights(
        mixer,
        PlainMixer.matrix(backend, projection, projection.capacity() / mixer.projectionColumns()),
        buffer(backend, bias, mixer.bias()),
        buffer(backend, queryNorm, mixer.headNorm().isPresent()),
        buffer(backend, keyNorm, mixer.headNorm().isPresent()),
        PlainMixer.matrix(backend, output, mixer.queryColumns()),
        buffer(backend, outputBias, mixer.outputBias()));
  }

  private static Optional<Buffer> buffer(Backend backend, FloatBuffer values, boolean used) {
    return used ? Optional.of(PlainMixer.buffer(backend, values)) : Optional.empty();
  }
}
