package dev.krait.backend.reference;

import dev.krait.model.Activation;

/// The functions of [Activation].
final class ReferenceActivation {
  /// From here on the terms of the series are too large to add up; 1 - erf is below 1e-8.
  private static final double LARGEST = 4;

  private ReferenceActivation() {}

  static float of(Activation activation, float v) {
    return switch (activation) {
      case NONE -> v;
      case SIGMOID -> (float) (1 / (1 + Math.exp(-v)));
      case SILU -> ReferenceOps.silu(v);
      case RELU -> Math.max(v, 0);
      case SQUARED_RELU -> Math.max(v, 0) * Math.max(v, 0);
      case GELU -> (float) (0.5 * v * (1 + erf(v / Math.sqrt(2))));
    };
  }

  /// The power series `2 / sqrt(pi) sum_n (-1)^n x^(2n+1) / (n! (2n+1))`.
  private static double erf(double x) {
    if (Math.abs(x) > LARGEST) {
      return Math.signum(x);
    }
    double sum = 0;
    double power = x;
    for (int n = 0; n < 100; n++) {
      sum += power / (2 * n + 1);
      power *= -x * x / (n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
}
