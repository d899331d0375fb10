package dev.krait.server.observability;

import java.time.Instant;
import java.util.List;

/// Series that dashboards and routers look for although this server lacks what they count. They are
/// constant, and their help says why: no prefix cache, no adapters, no sleep.
public final class AbsentFeatures {
  private static final String NO_PREFIX_CACHE = "; always 0, there is no prefix cache";

  private AbsentFeatures() {}

  /// Registers the series.
  ///
  /// @param now when the server started, which is when its adapters last changed
  public static void register(Metrics metrics, Instant now) {
    String queries = "Tokens looked up in the prefix cache" + NO_PREFIX_CACHE;
    String hits = "Tokens found in the prefix cache" + NO_PREFIX_CACHE;
    metrics.counter("vllm:prefix_cache_queries", queries);
    metrics.counter("vllm:prefix_cache_hits", hits);
    metrics.counter("vllm:gpu_prefix_cache_queries", queries + "; old name");
    metrics.counter("vllm:gpu_prefix_cache_hits", hits + "; old name");
    metrics.counter(
        "vllm:prompt_tokens_cached", "Tokens of prompts taken from a cache" + NO_PREFIX_CACHE);
    for (String source : List.of("local_cache_hit", "external_kv_transfer")) {
      metrics.counter(
          "vllm:prompt_tokens_by_source",
          "Tokens of prompts, by where they came from",
          "source",
          source);
    }
    long started = now.getEpochSecond();
    metrics.gauge(
        "vllm:lora_requests_info",
        "When adapters last changed, in seconds of Unix time; there are none",
        () -> started,
        "max_lora",
        "0",
        "running_lora_adapters",
        "",
        "waiting_lora_adapters",
        "");
    sleepState(metrics, "awake", 1);
    sleepState(metrics, "weights_offloaded", 0);
    sleepState(metrics, "discard_all", 0);
  }

  private static void sleepState(Metrics metrics, String state, int value) {
    metrics.gauge(
        "vllm:engine_sleep_state",
        "1 for the state that the engine is in; it never sleeps",
        () -> value,
        "sleep_state",
        state);
  }
}
