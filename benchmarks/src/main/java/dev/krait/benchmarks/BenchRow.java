package dev.krait.benchmarks;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// One measurement.
///
/// @param model the folder's name, or `mamba-130m`
/// @param what such as `decode, 8 sequences, context 1024` or `prompt of 512`
/// @param tokensPerSecond tokens over all sequences
/// @param megabytesPerStep weights, states and cached keys and values that are read and written: of
///   a step, or of all steps of a prompt
/// @param bandwidthShare bytes per second over the read rate of the same run
/// @param matmulShare multiply-adds of the matrices per second over the rate of the same run
record BenchRow(
    String model,
    String what,
    double tokensPerSecond,
    double megabytesPerStep,
    double bandwidthShare,
    double matmulShare) {

  static String heading() {
    return String.format(
        Locale.ROOT,
        "%-18s %-36s %12s %12s %10s %8s",
        "model",
        "what",
        "tokens/s",
        "MB",
        "bandwidth",
        "matmul");
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%-18s %-36s %12.1f %12.1f %10.3f %8.3f",
        model,
        what,
        tokensPerSecond,
        megabytesPerStep,
        bandwidthShare,
        matmulShare);
  }

  /// `floor` is what the machine could do at best: at its read rate or at that of products,
  /// whichever is less.
  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("what", model + ", " + what);
    map.put("value", tokensPerSecond);
    map.put("unit", "tokens/s");
    map.put("floor", tokensPerSecond / Math.max(bandwidthShare, matmulShare));
    return map;
  }
}
