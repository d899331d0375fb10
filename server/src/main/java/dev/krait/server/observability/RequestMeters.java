package dev.krait.server.observability;

import dev.krait.generation.GenerationStats;
import dev.krait.generation.SamplingParams;
import dev.krait.server.http.HttpExchange;
import dev.krait.server.http.HttpListener;
import dev.krait.service.GenerationListener;
import dev.krait.service.PromptRequest;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/// What requests took: tokens, by [TokenMeters], and seconds until first tokens, between tokens and
/// in all.
public final class RequestMeters implements GenerationListener, HttpListener {
  private static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH");
  private static final double[] FIRST_TOKEN = {
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40,
    80, 160, 640, 2560
  };
  private static final double[] BETWEEN_TOKENS = {
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80
  };
  private static final double[] REQUEST = {
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680
  };

  private final Metrics metrics;
  private final Map<String, Counter> outcomes = new HashMap<>();
  private final TokenMeters tokens;
  private final Timer firstToken;
  private final Timer betweenTokens;
  private final Timer perToken;
  private final Timer whole;
  private final Timer queued;
  private final Timer prefill;
  private final Timer decode;
  private final Timer inference;

  /// Registers the series.
  ///
  /// @param maxTokens the model's context, the last bucket of token counts
  public RequestMeters(Metrics metrics, int maxTokens) {
    this.metrics = metrics;
    tokens = new TokenMeters(metrics, maxTokens);
    for (String outcome : List.of("stop", "length", "abort", "error")) {
      outcomes.put(
          outcome,
          metrics.counter(
              "vllm:request_success", "Finished sequences", "finished_reason", outcome));
    }
    firstToken =
        metrics.seconds(
            "vllm:time_to_first_token_seconds", "Seconds to the first token", FIRST_TOKEN);
    betweenTokens =
        metrics.seconds(
            "vllm:inter_token_latency_seconds", "Seconds between tokens", BETWEEN_TOKENS);
    perToken =
        metrics.seconds(
            "vllm:request_time_per_output_token_seconds",
            "Mean seconds per token after the first",
            BETWEEN_TOKENS);
    whole = metrics.seconds("vllm:e2e_request_latency_seconds", "Seconds of a sequence", REQUEST);
    queued = metrics.seconds("vllm:request_queue_time_seconds", "Seconds waiting", REQUEST);
    prefill =
        metrics.seconds("vllm:request_prefill_time_seconds", "Seconds in the prompt", REQUEST);
    decode =
        metrics.seconds("vllm:request_decode_time_seconds", "Seconds after the prompt", REQUEST);
    inference = metrics.seconds("vllm:request_inference_time_seconds", "Seconds running", REQUEST);
  }

  @Override
  public void accepted(PromptRequest request, int maxTokens) {
    tokens.accepted(request.sequences(), maxTokens);
  }

  @Override
  public void firstTokens(long nanosSinceArrival) {
    firstToken.record(nanosSinceArrival, TimeUnit.NANOSECONDS);
  }

  @Override
  public void furtherTokens(long nanosSinceLast) {
    betweenTokens.record(nanosSinceLast, TimeUnit.NANOSECONDS);
  }

  @Override
  public void finished(String outcome, SamplingParams sampling, GenerationStats stats) {
    Counter counter = outcomes.get(outcome);
    if (counter != null) {
      counter.increment();
    }
    tokens.finished(sampling, stats);
    whole.record(stats.finishedNanos() - stats.arrivalNanos(), TimeUnit.NANOSECONDS);
    if (stats.firstScheduledNanos().isEmpty()) {
      return;
    }
    long scheduled = stats.firstScheduledNanos().getAsLong();
    queued.record(scheduled - stats.arrivalNanos(), TimeUnit.NANOSECONDS);
    inference.record(stats.finishedNanos() - scheduled, TimeUnit.NANOSECONDS);
    if (stats.firstTokenNanos().isEmpty()) {
      return;
    }
    long first = stats.firstTokenNanos().getAsLong();
    prefill.record(first - scheduled, TimeUnit.NANOSECONDS);
    decode.record(stats.finishedNanos() - first, TimeUnit.NANOSECONDS);
    if (stats.generatedTokens() > 1) {
      perToken.record(
          (stats.finishedNanos() - first) / (stats.generatedTokens() - 1), TimeUnit.NANOSECONDS);
    }
  }

  @Override
  public void promptFinished(int maxGeneratedTokens) {
    tokens.promptFinished(maxGeneratedTokens);
  }

  @Override
  public void finished(HttpExchange exchange, String route, long nanos) {
    String method = METHODS.contains(exchange.method()) ? exchange.method() : "other";
    metrics.http(route, method, exchange.status(), nanos);
  }
}
