package dev.krait.server.observability;

import dev.krait.cache.prefix.PrefixResult;
import dev.krait.scheduler.SchedulerStats;
import io.micrometer.core.instrument.Counter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What looking prompts up in the prefix cache gave, counted when a sequence starts; a sequence
/// that lost its memory and starts again counts again.
final class PrefixMeters {
  private static final List<PrefixResult> RESULTS = List.of(PrefixResult.values());

  private final List<Counter> queries = new ArrayList<>();
  private final List<Counter> hits = new ArrayList<>();
  private final List<Counter> lookups = new ArrayList<>();

  /// Registers the series.
  PrefixMeters(Metrics metrics) {
    String queried = "Tokens looked up in the prefix cache";
    String found = "Tokens found in the prefix cache";
    queries.add(metrics.counter("vllm:prefix_cache_queries", queried));
    queries.add(metrics.counter("vllm:gpu_prefix_cache_queries", queried + "; old name"));
    hits.add(metrics.counter("vllm:prefix_cache_hits", found));
    hits.add(metrics.counter("vllm:gpu_prefix_cache_hits", found + "; old name"));
    for (PrefixResult result : RESULTS) {
      lookups.add(
          metrics.counter(
              "krait:prefix_cache_lookups",
              "Prompts looked up in the prefix cache: a part was found, the prompt is not longer than a block, none starts alike, or no recurrent state was kept where it would be needed",
              "result",
              result.name().toLowerCase(Locale.ROOT)));
    }
  }

  /// Takes a step's counts.
  void stepDone(SchedulerStats scheduler) {
    if (scheduler.queriedTokens() == 0) {
      return;
    }
    for (int i = 0; i < queries.size(); i++) {
      queries.get(i).increment(scheduler.queriedTokens());
      hits.get(i).increment(scheduler.cachedTokens());
    }
    for (int i = 0; i < lookups.size(); i++) {
      lookups.get(i).increment(scheduler.prefixResults(RESULTS.get(i)));
    }
  }
}
