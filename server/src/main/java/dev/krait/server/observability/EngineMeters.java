package dev.krait.server.observability;

import dev.krait.engine.EngineStatus;
import dev.krait.engine.ModelInfo;
import dev.krait.engine.StepListener;
import dev.krait.engine.StepStats;
import dev.krait.scheduler.SchedulerStats;
import dev.krait.speculation.DraftLengthReason;
import dev.krait.speculation.SpeculationReport;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;

/// What the engine does step by step, and how full its pools are.
///
/// Steps are recorded on the engine thread, without allocation; gauges read the engine's status
/// when somebody scrapes.
public final class EngineMeters implements StepListener {
  private static final double[] STEP_TOKENS = {
    1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384
  };

  private final Counter generatedTokens;
  private final Counter preemptions;
  private final Counter drafts;
  private final Counter draftTokens;
  private final Counter acceptedTokens;
  private final List<Counter> acceptedAt = new ArrayList<>();
  private final PrefixMeters prefixes;
  private final DistributionSummary stepTokens;
  private final Counter stepSeconds;
  private volatile double draftLength;

  /// Registers the series of steps.
  ///
  /// @param draftPositions most tokens drafted at once; 0 without speculation
  public EngineMeters(Metrics metrics, int draftPositions) {
    generatedTokens = metrics.counter("vllm:generation_tokens", "Tokens generated");
    preemptions =
        metrics.counter("vllm:num_preemptions", "Times that a sequence lost its memory to another");
    drafts = metrics.counter("vllm:spec_decode_num_drafts", "Drafts proposed");
    draftTokens = metrics.counter("vllm:spec_decode_num_draft_tokens", "Tokens drafted");
    acceptedTokens =
        metrics.counter("vllm:spec_decode_num_accepted_tokens", "Drafted tokens accepted");
    for (int position = 0; position < draftPositions; position++) {
      acceptedAt.add(
          metrics.counter(
              "vllm:spec_decode_num_accepted_tokens_per_pos",
              "Drafts accepted up to a position",
              "position",
              Integer.toString(position)));
    }
    prefixes = new PrefixMeters(metrics);
    stepTokens = metrics.histogram("vllm:iteration_tokens_total", "Tokens of a step", STEP_TOKENS);
    stepSeconds = metrics.counter("krait:step_run_seconds", "Seconds in the runner");
    metrics.gauge(
        "krait:draft_length",
        "Mean tokens drafted per sequence in the last step",
        () -> draftLength);
  }

  @Override
  public void stepDone(StepStats stats) {
    SchedulerStats scheduler = stats.scheduler();
    stepTokens.record(stats.scheduledTokens());
    stepSeconds.increment(stats.runNanos() / 1e9);
    generatedTokens.increment(scheduler.generatedTokens());
    preemptions.increment(scheduler.preemptions());
    prefixes.stepDone(scheduler);
    int sequences = scheduler.sequences();
    draftLength = sequences == 0 ? 0 : (double) scheduler.draftedTokens() / sequences;
    if (scheduler.draftedTokens() == 0) {
      return;
    }
    drafts.increment(scheduler.draftedSequences());
    draftTokens.increment(scheduler.draftedTokens());
    acceptedTokens.increment(scheduler.acceptedTokens());
    int positions = Math.min(acceptedAt.size(), scheduler.draftPositions());
    for (int position = 0; position < positions; position++) {
      acceptedAt.get(position).increment(scheduler.acceptedAt(position));
    }
  }

  /// Registers the gauges.
  ///
  /// @param status the engine at a glance
  /// @param maxSequences sequences of full length that the memory plan allows at once
  /// @param blockTokens tokens of a key/value block
  /// @param keepsPrefixes whether there is a prefix cache
  public static void registerGauges(
      Metrics metrics,
      Supplier<EngineStatus> status,
      int maxSequences,
      int blockTokens,
      boolean keepsPrefixes) {
    DoubleSupplier waiting = () -> status.get().waiting();
    DoubleSupplier bottleneck = () -> bottleneck(status.get());
    metrics.gauge("vllm:num_requests_running", "Sequences that run", () -> status.get().running());
    metrics.gauge("vllm:num_requests_waiting", "Sequences that wait", waiting);
    metrics.gauge(
        "vllm:num_requests_waiting_by_reason",
        "Sequences that wait, by reason",
        waiting,
        "reason",
        "capacity");
    metrics.gauge(
        "vllm:num_requests_waiting_by_reason",
        "Sequences that wait, by reason",
        () -> 0,
        "reason",
        "deferred");
    metrics.gauge("vllm:kv_cache_usage_perc", "Use of the fuller pool, 0 to 1", bottleneck);
    metrics.gauge("vllm:gpu_cache_usage_perc", "Old name of kv_cache_usage_perc", bottleneck);
    metrics.gauge("krait:kv_blocks_used", "Blocks held", () -> status.get().blocksUsed());
    metrics.gauge("krait:kv_blocks", "All blocks", () -> status.get().blocksTotal());
    metrics.gauge(
        "krait:state_slots_used", "State slots held by sequences", () -> status.get().slotsUsed());
    metrics.gauge(
        "krait:state_slots",
        "State slots that sequences can hold at once",
        () -> status.get().slotsTotal());
    metrics.gauge(
        "krait:prefix_snapshots",
        "Prompt prefixes whose recurrent states are kept",
        () -> status.get().snapshots());
    metrics.gauge(
        "krait:max_concurrency",
        "Sequences of full length that fit the memory plan at once",
        () -> maxSequences);
    metrics.gauge(
        "vllm:cache_config_info",
        "The pool of key/value blocks, on whichever device; always 1",
        () -> 1,
        "block_size",
        Integer.toString(blockTokens),
        "num_gpu_blocks",
        Integer.toString(status.get().blocksTotal()),
        "enable_prefix_caching",
        keepsPrefixes ? "True" : "False");
  }

  /// Registers what the model's numbers are.
  public static void registerModel(Metrics metrics, ModelInfo model) {
    metrics.gauge(
        "krait:model_info",
        "The model's family and how exact its numbers are; always 1",
        () -> 1,
        "architecture",
        model.architecture(),
        "numerics",
        model.numerics());
  }

  /// Registers why the current draft length was chosen; nothing without speculation.
  public static void registerReasons(
      Metrics metrics, Supplier<Optional<SpeculationReport>> speculation) {
    if (speculation.get().isEmpty()) {
      return;
    }
    for (DraftLengthReason reason : DraftLengthReason.values()) {
      metrics.gauge(
          "krait:draft_length_reason",
          "1 for the reason of the draft length chosen last",
          () -> speculation.get().map(SpeculationReport::reason).orElseThrow() == reason ? 1 : 0,
          "reason",
          reason.name().toLowerCase(Locale.ROOT));
    }
  }

  private static double bottleneck(EngineStatus status) {
    return Math.max(
        share(status.blocksUsed(), status.blocksTotal()),
        share(status.slotsUsed(), status.slotsTotal()));
  }

  private static double share(int used, int total) {
    return total == 0 ? 0 : (double) used / total;
  }
}
