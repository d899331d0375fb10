package dev.krait.benchmarks;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// One measurement.
///
/// @param model the folder's name, or `mamba-130m`
/// @param what `decode` or `prefill`
/// @param batch sequences in a step
/// @param tokensPerSecond tokens over all sequences
/// @param megabytesPerStep weights, states and cached keys and values that a step reads and writes
/// @param bandwidthShare bytes per second over the read bandwidth of the same run
/// @param fmaShare multiply-adds of the matrices per second over the fp32 rate of the same run
record BenchRow(
    String model,
    String what,
    int batch,
    double tokensPerSecond,
    double megabytesPerStep,
    double bandwidthShare,
    double fmaShare) {

  static String heading() {
    return String.format(
        Locale.ROOT,
        "%-18s %-8s %5s %12s %12s %10s %8s",
        "model",
        "what",
        "batch",
        "tokens/s",
        "MB/step",
        "bandwidth",
        "fma");
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%-18s %-8s %5d %12.1f %12.1f %10.3f %8.3f",
        model,
        what,
        batch,
        tokensPerSecond,
        megabytesPerStep,
        bandwidthShare,
        fmaShare);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new TreeMap<>();
    map.put("model", model);
    map.put("what", what);
    map.put("batch", batch);
    map.put("tokens_per_second", tokensPerSecond);
    map.put("megabytes_per_step", megabytesPerStep);
    map.put("bandwidth_share", bandwidthShare);
    map.put("fma_share", fmaShare);
    return map;
  }
}
