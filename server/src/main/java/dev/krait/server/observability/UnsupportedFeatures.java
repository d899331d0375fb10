package dev.krait.server.observability;

import java.time.Instant;

/// Series that dashboards and routers look for although this server lacks what they count. They are
/// constant: no transfer of caches between servers, no adapters, no sleep.
public final class UnsupportedFeatures {
  private UnsupportedFeatures() {}

  /// Registers the series.
  ///
  /// @param now when the server started, which is when its adapters last changed
  public static void register(Metrics metrics, Instant now) {
    metrics.counter(
        "vllm:prompt_tokens_by_source",
        "Tokens of prompts, by where they came from",
        "source",
        "external_kv_transfer");
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
