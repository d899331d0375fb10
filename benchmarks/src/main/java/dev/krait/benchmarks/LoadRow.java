package dev.krait.benchmarks;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// What a number of streams gave.
///
/// @param streams requests in flight
/// @param requests answered whole
/// @param seconds from the first request to the last answer
/// @param outputTokensPerSecond tokens of whole answers
/// @param promptTokensPerSecond tokens of their prompts
/// @param firstMedian milliseconds to the first piece of an answer
/// @param firstP99 the same, 99th percentile
/// @param gapMedian milliseconds between pieces of an answer
/// @param gapP99 the same, 99th percentile
/// @param failures how many were not answered whole, by reason
record LoadRow(
    int streams,
    int requests,
    double seconds,
    double outputTokensPerSecond,
    double promptTokensPerSecond,
    double firstMedian,
    double firstP99,
    double gapMedian,
    double gapP99,
    Map<String, Integer> failures) {

  static String heading() {
    return String.format(
        Locale.ROOT,
        "%7s %8s %8s %12s %12s %18s %18s",
        "streams",
        "requests",
        "seconds",
        "out tok/s",
        "prompt tok/s",
        "first ms p50 p99",
        "gap ms p50 p99");
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%7d %8d %8.2f %12.1f %12.1f %9.1f %8.1f %9.2f %8.2f",
        streams,
        requests,
        seconds,
        outputTokensPerSecond,
        promptTokensPerSecond,
        firstMedian,
        firstP99,
        gapMedian,
        gapP99);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("streams", streams);
    map.put("requests", requests);
    map.put("seconds", seconds);
    map.put("output_tokens_per_second", outputTokensPerSecond);
    map.put("prompt_tokens_per_second", promptTokensPerSecond);
    map.put("first_ms_p50", firstMedian);
    map.put("first_ms_p99", firstP99);
    map.put("gap_ms_p50", gapMedian);
    map.put("gap_ms_p99", gapP99);
    map.put("failures", failures);
    return map;
  }
}
