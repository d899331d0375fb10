package dev.krait.speculation;

/// Measured time of steps by their number of tokens.
///
/// Of the first few measurements of a size the least counts, since before the code is compiled a
/// step can take a hundred times its time; then a running mean follows. When one size gets slower
/// or faster, the others follow a little: they were measured at another time, on the same machine.
/// Between measured sizes the time is interpolated, beyond them extrapolated.
final class StepCosts {
  private static final double WEIGHT = 0.1;
  private static final double DRIFT = 0.02;
  private static final int FIRST_SAMPLES = 4;

  private final double[] nanos;
  private final int[] samples;

  StepCosts(int maxTokens) {
    nanos = new double[maxTokens + 1];
    samples = new int[maxTokens + 1];
  }

  /// Adds a measurement.
  void observe(int tokens, double stepNanos) {
    if (tokens >= nanos.length) {
      return;
    }
    samples[tokens] = Math.min(samples[tokens] + 1, FIRST_SAMPLES + 1);
    if (samples[tokens] == 1) {
      nanos[tokens] = stepNanos;
    } else if (samples[tokens] <= FIRST_SAMPLES) {
      nanos[tokens] = Math.min(nanos[tokens], stepNanos);
    } else {
      double change = Math.clamp(stepNanos / nanos[tokens] - 1, -0.5, 0.5);
      for (int t = 0; t < nanos.length; t++) {
        nanos[t] *= 1 + change * (t == tokens ? WEIGHT : DRIFT);
      }
    }
  }

  /// True when a size has been measured often enough to be believed.
  boolean knows(int tokens) {
    return tokens < nanos.length && samples[tokens] >= FIRST_SAMPLES;
  }

  /// True when nothing is known.
  boolean isEmpty() {
    return lower(nanos.length - 1) < 0;
  }

  private int lower(int tokens) {
    int t = Math.min(tokens, nanos.length - 1);
    while (t >= 0 && samples[t] == 0) {
      t--;
    }
    return t;
  }

  private int upper(int tokens) {
    int t = tokens;
    while (t < nanos.length && samples[t] == 0) {
      t++;
    }
    return t < nanos.length ? t : -1;
  }

  /// Estimated nanoseconds of a step of so many tokens; 0 when nothing is known.
  double estimate(int tokens) {
    int below = lower(tokens);
    int above = tokens < nanos.length ? upper(tokens) : -1;
    if (below == tokens) {
      return nanos[below];
    }
    if (below < 0 && above < 0) {
      return 0;
    }
    if (below < 0) {
      return nanos[above] * (1 + (double) tokens / above) / 2;
    }
    if (above < 0) {
      return nanos[below] + (tokens - below) * slopeAt(below);
    }
    double share = (double) (tokens - below) / (above - below);
    return nanos[below] + share * (nanos[above] - nanos[below]);
  }

  /// Nanoseconds that one more token costs beyond the largest measured size: as between the two
  /// largest, or a quarter of the mean.
  private double slopeAt(int largest) {
    int next = lower(largest - 1);
    if (next <= 0) {
      return nanos[largest] / (4.0 * Math.max(1, largest));
    }
    return Math.max(0, (nanos[largest] - nanos[next]) / (largest - next));
  }
}
