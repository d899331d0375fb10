package dev.krait.speculation;

/// Measured time of steps by their number of tokens.
///
/// An estimate between measurements is interpolated; beyond them it is the least that is possible
/// (a step with more tokens costs no less, one with fewer no less than its share), so that whoever
/// minimises cost goes and measures. Old measurements count as absent.
final class StepCosts {
  private static final double WEIGHT = 0.2;
  private static final int FIRST_SAMPLES = 4;
  private static final int FRESH_STEPS = 128;

  private final double[] nanos;
  private final long[] measuredAt;
  private final int[] samples;
  private long steps;

  StepCosts(int maxTokens) {
    nanos = new double[maxTokens + 1];
    measuredAt = new long[maxTokens + 1];
    samples = new int[maxTokens + 1];
  }

  /// Adds a measurement.
  void observe(int tokens, double stepNanos) {
    steps++;
    if (tokens >= nanos.length) {
      return;
    }
    boolean fresh = isFresh(tokens);
    samples[tokens] = fresh ? samples[tokens] + 1 : 1;
    if (!fresh) {
      nanos[tokens] = stepNanos;
    } else if (samples[tokens] <= FIRST_SAMPLES) {
      nanos[tokens] = Math.min(nanos[tokens], stepNanos);
    } else {
      nanos[tokens] += WEIGHT * clip(tokens, stepNanos);
    }
    measuredAt[tokens] = steps;
  }

  /// The change towards a new value; an outlier (a pause of the machine) moves the mean by at most
  /// its own size.
  private double clip(int tokens, double stepNanos) {
    return Math.clamp(stepNanos - nanos[tokens], -nanos[tokens], nanos[tokens]);
  }

  private boolean isFresh(int tokens) {
    return measuredAt[tokens] > 0 && steps - measuredAt[tokens] < FRESH_STEPS;
  }

  /// True when nothing is known.
  boolean isEmpty() {
    return lower(nanos.length - 1) < 0;
  }

  private int lower(int tokens) {
    int t = Math.min(tokens, nanos.length - 1);
    while (t >= 0 && !isFresh(t)) {
      t--;
    }
    return t;
  }

  private int upper(int tokens) {
    int t = tokens;
    while (t < nanos.length && !isFresh(t)) {
      t++;
    }
    return t < nanos.length ? t : -1;
  }

  /// Estimated nanoseconds of a step of so many tokens; 0 when nothing is known.
  double estimate(int tokens) {
    int below = lower(tokens);
    int above = tokens < nanos.length ? upper(tokens) : -1;
    if (below < 0 && above < 0) {
      return 0;
    }
    if (below < 0) {
      return nanos[above] * tokens / above;
    }
    if (above < 0 || above == below) {
      return nanos[below];
    }
    double share = (double) (tokens - below) / (above - below);
    return nanos[below] + share * (nanos[above] - nanos[below]);
  }
}
