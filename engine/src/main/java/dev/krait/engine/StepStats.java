package dev.krait.engine;

import dev.krait.cache.sequence.KvCachePools;
import dev.krait.scheduler.Scheduler;
import dev.krait.scheduler.SchedulerStats;

/// One step in numbers; refilled for every step. Pool and queue figures are those after the step.
public final class StepStats {
  private final Scheduler scheduler;
  private final KvCachePools pools;
  int scheduledTokens;
  int advancedTokens;
  long scheduleNanos;
  long runNanos;
  long updateNanos;

  StepStats(Scheduler scheduler, KvCachePools pools) {
    this.scheduler = scheduler;
    this.pools = pools;
  }

  /// Counts of sequences, tokens, drafts and preemptions.
  public SchedulerStats scheduler() {
    return scheduler.stats();
  }

  /// Tokens in the plan, offered drafts included.
  public int scheduledTokens() {
    return scheduledTokens;
  }

  /// Tokens committed.
  public int advancedTokens() {
    return advancedTokens;
  }

  /// Sequences that hold memory.
  public int running() {
    return scheduler.running();
  }

  /// Sequences in the queue.
  public int waiting() {
    return scheduler.waiting();
  }

  /// Key/value blocks held.
  public int blocksUsed() {
    return pools.blocksUsed();
  }

  /// All key/value blocks.
  public int blocksTotal() {
    return pools.blocksTotal();
  }

  /// State slots held.
  public int slotsUsed() {
    return pools.slotsUsed();
  }

  /// All state slots.
  public int slotsTotal() {
    return pools.slotsTotal();
  }

  /// Time to plan.
  public long scheduleNanos() {
    return scheduleNanos;
  }

  /// Time of the runner, from submit to answer.
  public long runNanos() {
    return runNanos;
  }

  /// Time to take the answer and hand out tokens.
  public long updateNanos() {
    return updateNanos;
  }
}
