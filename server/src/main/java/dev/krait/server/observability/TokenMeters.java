package dev.krait.server.observability;

import dev.krait.generation.GenerationStats;
import dev.krait.generation.SamplingParams;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import java.util.ArrayList;
import java.util.List;

/// How many tokens requests bring, ask for and get. Counters of prompts grow when a sequence ends;
/// a prompt that was never computed counts in none of them.
final class TokenMeters {
  private static final double[] SEQUENCES = {1, 2, 5, 10, 20};

  private final Counter promptTokens;
  private final Counter computedTokens;
  private final Counter foundTokens;
  private final Counter cachedTokens;
  private final Drafts greedyDrafts;
  private final Drafts sampledDrafts;
  private final DistributionSummary promptSizes;
  private final DistributionSummary computedSizes;
  private final DistributionSummary generatedSizes;
  private final DistributionSummary longest;
  private final DistributionSummary sequences;
  private final DistributionSummary requestedTokens;

  /// Registers the series.
  ///
  /// @param maxTokens the model's context, the last bucket of token counts
  TokenMeters(Metrics metrics, int maxTokens) {
    double[] counts = oneTwoFive(maxTokens);
    promptTokens = metrics.counter("vllm:prompt_tokens", "Tokens of prompts");
    computedTokens = bySource(metrics, "local_compute");
    foundTokens = bySource(metrics, "local_cache_hit");
    cachedTokens =
        metrics.counter(
            "vllm:prompt_tokens_cached", "Tokens of prompts taken from the prefix cache");
    greedyDrafts = Drafts.of(metrics, "greedy");
    sampledDrafts = Drafts.of(metrics, "sampled");
    promptSizes = metrics.histogram("vllm:request_prompt_tokens", "Tokens of a prompt", counts);
    computedSizes =
        metrics.histogram(
            "vllm:request_prefill_kv_computed_tokens",
            "Tokens of a prompt that were computed, not found in the prefix cache",
            counts);
    generatedSizes =
        metrics.histogram("vllm:request_generation_tokens", "Tokens generated", counts);
    longest =
        metrics.histogram(
            "vllm:request_max_num_generation_tokens",
            "Tokens that the longest sequence of a prompt generated",
            counts);
    sequences = metrics.histogram("vllm:request_params_n", "Sequences asked for", SEQUENCES);
    requestedTokens =
        metrics.histogram("vllm:request_params_max_tokens", "Most tokens asked for", counts);
  }

  private static Counter bySource(Metrics metrics, String source) {
    return metrics.counter(
        "vllm:prompt_tokens_by_source",
        "Tokens of prompts, by where they came from",
        "source",
        source);
  }

  /// Drafts of one class of requests.
  private record Drafts(Counter drafted, Counter accepted) {
    static Drafts of(Metrics metrics, String sampling) {
      return new Drafts(
          metrics.counter(
              "krait:draft_tokens",
              "Tokens drafted in sequences that ended, by how these choose tokens",
              "sampling",
              sampling),
          metrics.counter(
              "krait:accepted_draft_tokens",
              "Drafted tokens accepted in sequences that ended, by how these choose tokens",
              "sampling",
              sampling));
    }
  }

  void accepted(int asked, int maxTokens) {
    sequences.record(asked);
    requestedTokens.record(maxTokens);
  }

  void finished(SamplingParams sampling, GenerationStats stats) {
    promptSizes.record(stats.promptTokens());
    generatedSizes.record(stats.generatedTokens());
    Drafts drafts = sampling.isGreedy() ? greedyDrafts : sampledDrafts;
    drafts.drafted.increment(stats.draftedTokens());
    drafts.accepted.increment(stats.acceptedTokens());
    if (stats.firstTokenNanos().isPresent()) {
      promptTokens.increment(stats.promptTokens());
      int computed = stats.promptTokens() - stats.cachedTokens();
      computedTokens.increment(computed);
      foundTokens.increment(stats.cachedTokens());
      cachedTokens.increment(stats.cachedTokens());
      computedSizes.record(computed);
    }
  }

  void promptFinished(int maxGeneratedTokens) {
    longest.record(maxGeneratedTokens);
  }

  /// 1, 2, 5, 10, 20, 50 and so on, up to the given number.
  static double[] oneTwoFive(int most) {
    List<Double> values = new ArrayList<>();
    for (long scale = 1; scale <= most; scale *= 10) {
      for (int digit : new int[] {1, 2, 5}) {
        if (digit * scale <= most) {
          values.add((double) (digit * scale));
        }
      }
    }
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
