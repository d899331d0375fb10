package dev.krait.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// When the pieces of an answer arrived.
final class LoadTimes {
  private long begun;
  private final List<Long> arrivals = new ArrayList<>();

  void begin() {
    arrivals.clear();
    begun = System.nanoTime();
  }

  void arrived() {
    arrivals.add(System.nanoTime());
  }

  /// Milliseconds from the request to its first piece.
  double firstMillis() {
    return (arrivals.getFirst() - begun) / 1e6;
  }

  boolean isEmpty() {
    return arrivals.isEmpty();
  }

  /// Milliseconds from each piece to the next.
  double[] gapMillis() {
    double[] gaps = new double[arrivals.size() - 1];
    for (int i = 0; i < gaps.length; i++) {
      gaps[i] = (arrivals.get(i + 1) - arrivals.get(i)) / 1e6;
    }
    return gaps;
  }

  /// The value that a share of all values does not exceed; NaN when there are none.
  static double quantile(Stream<double[]> values, double share) {
    double[] sorted = values.flatMapToDouble(Arrays::stream).sorted().toArray();
    if (sorted.length == 0) {
      return Double.NaN;
    }
    return sorted[(int) Math.min(sorted.length - 1L, (long) (share * sorted.length))];
  }
}
