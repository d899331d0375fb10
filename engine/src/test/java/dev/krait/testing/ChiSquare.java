package dev.krait.testing;

/// Pearson's test of counts against expected probabilities.
public final class ChiSquare {
  private ChiSquare() {}

  /// Probability that counts of `expected` differ at least as much as these; cells with less than 5
  /// expected counts are merged.
  ///
  /// An impossible outcome that occurred gives 0.
  public static double pValue(long[] counts, double[] expected) {
    long total = 0;
    for (long count : counts) {
      total += count;
    }
    double statistic = 0;
    double restExpected = 0;
    double restCount = 0;
    int cells = 0;
    for (int i = 0; i < counts.length; i++) {
      double want = expected[i] * total;
      if (want == 0 && counts[i] > 0) {
        return 0;
      }
      if (want < 5) {
        restExpected += want;
        restCount += counts[i];
      } else {
        statistic += (counts[i] - want) * (counts[i] - want) / want;
        cells++;
      }
    }
    if (restExpected >= 1) {
      statistic += (restCount - restExpected) * (restCount - restExpected) / restExpected;
      cells++;
    }
    return cells > 1 ? upperTail(statistic / 2, (cells - 1) / 2.0) : 1;
  }

  /// Regularised upper incomplete gamma function Q(a, z), by series or continued fraction
  /// (Abramowitz and Stegun 6.5).
  static double upperTail(double z, double a) {
    if (z <= 0) {
      return 1;
    }
    double scale = Math.exp(-z + a * Math.log(z) - logGamma(a));
    if (z < a + 1) {
      double term = 1 / a;
      double sum = term;
      for (int n = 1; term > sum * 1e-15; n++) {
        term *= z / (a + n);
        sum += term;
      }
      return Math.max(0, 1 - sum * scale);
    }
    double b = z + 1 - a;
    double c = 1e300;
    double d = 1 / b;
    double h = d;
    for (int i = 1; i < 10_000; i++) {
      double an = -i * (i - a);
      b += 2;
      d = 1 / (an * d + b);
      c = b + an / c;
      double step = d * c;
      h *= step;
      if (Math.abs(step - 1) < 1e-14) {
        break;
      }
    }
    return scale * h;
  }

  /// Stirling's series, with the recurrence up to 10 first.
  private static double logGamma(double x) {
    double shift = 0;
    double y = x;
    while (y < 10) {
      shift -= Math.log(y);
      y++;
    }
    double inverse = 1 / (y * y);
    return shift
        + (y - 0.5) * Math.log(y)
        - y
        + 0.5 * Math.log(2 * Math.PI)
        + (1.0 / 12 - inverse * (1.0 / 360 - inverse / 1260)) / y;
  }
}
