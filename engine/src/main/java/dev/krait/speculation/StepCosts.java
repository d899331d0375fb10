package dev.krait.speculation;

/// Measured time of steps by their number of tokens.
///
/// What disturbs a measurement (code that is not compiled yet, a thread that waits for its
/// processor) only ever adds time, so the estimate follows smaller values quickly and larger ones
/// slowly; faster when a size was not measured for long, since the machine itself may have become
/// slower. Between measured sizes the time is interpolated; beyond the largest it grows with the
/// tokens, so that only a measurement can show that more of them are cheap.
final class StepCosts {
  private static final double WEIGHT_DOWN = 0.3;
  private static final double WEIGHT_UP = 0.03;
  private static final double MAX_UP = 0.5;
  private static final int FIRST_SAMPLES = 6;

  /// Measurements after which what is known of a size counts for nothing once it is measured again.
  private static final int STALE = 512;

  /// Measurements within which a size is being measured.
  private static final int FRESH = 8;

  private final double[] nanos;
  private final int[] samples;
  private final long[] seen;
  private long observations;
  private int largest = -1;

  StepCosts(int maxTokens) {
    nanos = new double[maxTokens + 1];
    samples = new int[maxTokens + 1];
    seen = new long[maxTokens + 1];
  }

  /// Adds a measurement.
  void observe(int tokens, double stepNanos) {
    if (tokens >= nanos.length) {
      return;
    }
    observations++;
    if (observations - seen[tokens] > STALE) {
      samples[tokens] = 0;
    }
    samples[tokens] = Math.min(samples[tokens] + 1, FIRST_SAMPLES + 1);
    largest = Math.max(largest, tokens);
    if (samples[tokens] == 1) {
      nanos[tokens] = stepNanos;
    } else if (samples[tokens] <= FIRST_SAMPLES) {
      nanos[tokens] = Math.min(nanos[tokens], stepNanos);
    } else {
      long age = observations - seen[tokens];
      double change = Math.min(stepNanos - nanos[tokens], nanos[tokens]);
      double up = Math.min(MAX_UP, WEIGHT_UP * (double) age);
      double before = nanos[tokens];
      nanos[tokens] += change * (change < 0 ? WEIGHT_DOWN : up);
      if (age <= FRESH) {
        follow(nanos[tokens] / before);
      }
    }
    seen[tokens] = observations;
  }

  /// The machine has changed its speed: sizes that are not being measured now change with it, by
  /// the mean of those that are. What a size shows after a long time is not followed, since that
  /// may as well be what was wrong about it.
  private void follow(double factor) {
    int fresh = 0;
    for (int t = 0; t <= largest; t++) {
      fresh += isFresh(t) ? 1 : 0;
    }
    double part = Math.pow(factor, 1.0 / Math.max(1, fresh));
    for (int t = 0; t <= largest; t++) {
      if (samples[t] > 0 && !isFresh(t)) {
        nanos[t] *= part;
      }
    }
  }

  private boolean isFresh(int tokens) {
    return samples[tokens] > 0 && observations - seen[tokens] <= FRESH;
  }

  /// How often a size has been measured, as far as it matters.
  int samples(int tokens) {
    return tokens < nanos.length ? samples[tokens] : FIRST_SAMPLES;
  }

  /// Measurements of any size since this one was measured; very many when it never was.
  long age(int tokens) {
    return tokens < nanos.length && samples[tokens] > 0
        ? observations - seen[tokens]
        : Long.MAX_VALUE;
  }

  /// True when nothing is known.
  boolean isEmpty() {
    return largest < 0;
  }

  private int lower(int tokens) {
    int t = Math.min(tokens, largest);
    while (t >= 0 && samples[t] == 0) {
      t--;
    }
    return t;
  }

  private int upper(int tokens) {
    int t = tokens;
    while (t <= largest && samples[t] == 0) {
      t++;
    }
    return t <= largest ? t : -1;
  }

  /// Estimated nanoseconds of a step of so many tokens; 0 when nothing is known.
  double estimate(int tokens) {
    int below = lower(tokens);
    int above = upper(tokens);
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
      return nanos[below] * tokens / Math.max(1, below);
    }
    double share = (double) (tokens - below) / (above - below);
    return nanos[below] + share * (nanos[above] - nanos[below]);
  }
}
