package dev.krait.runner;

import dev.krait.model.Mixer.Attention;

/// Attention over a whole sequence written down plainly, in double precision.
final class PlainAttention {
  private PlainAttention() {}

  /// `weight x` for each row of `x`.
  static double[][] multiply(double[][] x, float[] weight, int rows) {
    double[][] product = new double[x.length][rows];
    for (int t = 0; t < x.length; t++) {
      for (int r = 0; r < rows; r++) {
        for (int k = 0; k < x[t].length; k++) {
          product[t][r] += weight[r * x[t].length + k] * x[t][k];
        }
      }
    }
    return product;
  }

  /// Each row over its root mean square, times the weight.
  static double[][] norm(double[][] x, float[] weight, double epsilon) {
    double[][] normed = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      double squares = 0;
      for (double v : x[t]) {
        squares += v * v;
      }
      double scale = 1 / Math.sqrt(squares / x[t].length + epsilon);
      for (int i = 0; i < x[t].length; i++) {
        normed[t][i] = x[t][i] * scale * weight[i];
      }
    }
    return normed;
  }

  /// What the heads see, before the output projection.
  static double[][] attend(double[][] x, float[] projection, Attention of) {
    double[][] all = multiply(x, projection, of.projectionColumns());
    int dim = of.headDim();
    double[][] seen = new double[x.length][of.heads() * dim];
    for (int t = 0; t < x.length; t++) {
      for (int h = 0; h < of.heads(); h++) {
        int kvHead = of.heads() + h / (of.heads() / of.kvHeads());
        double[] query = rotated(all[t], h * dim, t, of);
        double[] weights = new double[t + 1];
        double total = 0;
        for (int p = 0; p <= t; p++) {
          double[] key = rotated(all[p], kvHead * dim, p, of);
          double score = 0;
          for (int i = 0; i < dim; i++) {
            score += query[i] * key[i];
          }
          weights[p] = Math.exp(score / Math.sqrt(dim));
          total += weights[p];
        }
        for (int p = 0; p <= t; p++) {
          for (int i = 0; i < dim; i++) {
            double value = all[p][(kvHead + of.kvHeads()) * dim + i];
            seen[t][h * dim + i] += weights[p] / total * value;
          }
        }
      }
    }
    return seen;
  }

  private static double[] rotated(double[] row, int from, int position, Attention of) {
    int half = of.headDim() / 2;
    double[] head = new double[of.headDim()];
    for (int i = 0; i < half; i++) {
      double angle = position * of.rope().frequency(i);
      double a = row[from + i];
      double b = row[from + half + i];
      head[i] = a * Math.cos(angle) - b * Math.sin(angle);
      head[half + i] = b * Math.cos(angle) + a * Math.sin(angle);
    }
    return head;
  }
}
