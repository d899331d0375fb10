package dev.krait.engine;

import dev.krait.cache.sequence.KvCachePools;
import dev.krait.error.ErrorCode;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Scheduler;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepOutput;
import dev.krait.scheduler.StepPlan;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// The engine's agent. Each [#doWork] takes commands, submits steps as far as the runner takes them
/// ahead, then awaits the first of those and applies its answer.
///
/// One thread calls it: an [EngineThread], or a test by hand. It does not own the runner.
public final class EngineLoop {
  private final ModelRunner runner;
  private final Scheduler scheduler;
  private final KvCachePools pools;
  private final LongSupplier nanoClock;
  private final StepListener listener;
  private final EngineHandle handle;
  private final StepStats stats;
  private final SessionTable sessions;
  private final Consumer<Sequence> forget;
  private final ArrayDeque<Submitted> inFlight = new ArrayDeque<>();
  private final ArrayDeque<Submitted> free = new ArrayDeque<>();
  private long departuresSeen;
  private long lastStepNanos = Long.MIN_VALUE;
  private boolean failed;
  private @Nullable Thread owner;

  /// A step between its submission and its update.
  private static final class Submitted {
    private @Nullable StepPlan plan;
    private @Nullable PendingStep step;
    private long submittedNanos;
    private long scheduleNanos;
  }

  /// A loop over parts that were made for each other: `scheduler` plans over `pools`, whose layout
  /// `runner` has tensors for.
  public EngineLoop(
      ModelRunner runner,
      Scheduler scheduler,
      KvCachePools pools,
      EngineLimits limits,
      LongSupplier nanoClock,
      StepListener listener) {
    this.runner = runner;
    this.scheduler = scheduler;
    this.pools = pools;
    this.nanoClock = nanoClock;
    this.listener = listener;
    handle = new EngineHandle(limits, nanoClock, pools.blocksTotal(), pools.slotsTotal());
    stats = new StepStats(scheduler, pools);
    sessions = new SessionTable(pools, limits.sessions());
    forget =
        sequence -> {
          runner.forget(sequence);
          sessions.replied(sequence);
        };
  }

  /// What other threads hold.
  public EngineHandle handle() {
    return handle;
  }

  /// Conversations that are held; asked through [EngineHandle#ask] alone.
  SessionTable sessions() {
    return sessions;
  }

  /// What the loop plans over; asked alike.
  KvCachePools pools() {
    return pools;
  }

  /// Makes the copies that the next step would make.
  void makeCopies() {
    scheduler.takeCopies(runner::copy);
  }

  /// Takes what was sent, and runs one step if there is something to compute.
  ///
  /// @return tokens committed; 0 when there was no step
  public int doWork() {
    checkThread();
    takeCommands();
    int advanced = failed ? 0 : step();
    publish();
    return advanced;
  }

  /// True when nothing runs, waits or was sent: there is no work until the next command.
  public boolean isIdle() {
    return scheduler.running() == 0
        && scheduler.waiting() == 0
        && inFlight.isEmpty()
        && !handle.hasCommands();
  }

  private void takeCommands() {
    EngineCommand command = handle.poll();
    while (command != null) {
      take(command);
      command = handle.poll();
    }
  }

  private void take(EngineCommand command) {
    if (failed) {
      handle.reject(command);
      return;
    }
    switch (command) {
      case EngineCommand.Submit submit -> scheduler.add(submit.stream());
      case EngineCommand.Cancel cancel -> scheduler.cancel(cancel.stream());
      case EngineCommand.ClearPrefixes clear -> clear.done().complete(pools.clearPrefixes());
      case EngineCommand.Abort abort -> scheduler.failAll(ErrorCode.UNAVAILABLE, abort.reason());
      case EngineCommand.Ask ask -> ask.question().run();
    }
  }

  /// A failure of any part ends the engine: what the device holds is not trusted afterwards.
  private int step() {
    try {
      while (inFlight.size() < runner.maxPendingSteps() && submitNext()) {}
      if (inFlight.isEmpty()) {
        return 0;
      }
      finishFirst();
    } catch (RuntimeException failure) {
      inFlight.clear();
      fail(failure);
      return 0;
    }
    listener.stepDone(stats);
    return stats.advancedTokens;
  }

  /// False when there is nothing to compute.
  private boolean submitNext() {
    long started = nanoClock.getAsLong();
    StepPlan plan = scheduler.schedule();
    scheduler.takeReleased(forget);
    if (plan.isEmpty()) {
      return false;
    }
    Submitted next = free.isEmpty() ? new Submitted() : free.remove();
    next.plan = plan;
    next.submittedNanos = nanoClock.getAsLong();
    next.scheduleNanos = next.submittedNanos - started;
    next.step = runner.submit(plan);
    scheduler.submitted(plan);
    inFlight.add(next);
    return true;
  }

  private void finishFirst() {
    Submitted first = inFlight.remove();
    StepPlan plan = Objects.requireNonNull(first.plan);
    StepOutput output = Objects.requireNonNull(first.step).await();
    long ran = nanoClock.getAsLong();
    stats.scheduledTokens = plan.totalTokens();
    stats.advancedTokens = scheduler.update(plan, output);
    scheduler.takeReleased(forget);
    stats.scheduleNanos = first.scheduleNanos;
    stats.runNanos = ran - Math.max(first.submittedNanos, lastStepNanos);
    lastStepNanos = ran;
    stats.updateNanos = nanoClock.getAsLong() - ran;
    free.add(first);
  }

  private void publish() {
    handle.publish(scheduler.running(), scheduler.waitingAgain(), pools);
    long departures = scheduler.departures();
    handle.left((int) (departures - departuresSeen));
    departuresSeen = departures;
  }

  /// Ends every sequence with one error and refuses all that follow. The listener hears of it
  /// before anything is allocated: the heap may be full.
  void fail(Throwable cause) {
    failed = true;
    handle.markFailed();
    listener.engineFailed(cause);
    scheduler.failAll(ErrorCode.INTERNAL, "engine failed: " + cause.getMessage());
    publish();
  }

  /// Awaits the steps in flight, ends every sequence as unavailable and refuses all that follow.
  /// The runner stays open.
  public void close() {
    takeCommands();
    while (!failed && !inFlight.isEmpty()) {
      Objects.requireNonNull(inFlight.remove().step).await();
    }
    scheduler.failAll(ErrorCode.UNAVAILABLE, "engine: closed (expected: open)");
    if (!failed) {
      scheduler.takeReleased(forget);
    }
    publish();
    handle.markClosed();
  }

  private void checkThread() {
    Thread current = Thread.currentThread();
    if (owner == null) {
      owner = current;
    }
    assert owner == current : "called by " + current + " and " + owner;
  }
}
