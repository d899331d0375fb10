package dev.krait.scheduler;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.cache.sequence.Opened;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.TokenStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Decides who gets how many tokens of the next step, and takes the step's answer.
///
/// It knows counts, no phases: a sequence has known tokens and computed tokens, and a step computes
/// some of the difference. Use: `add`, then again and again `schedule`, submit the plan and say so
/// with `submitted`, `update` with its answer. `cancel` and `failAll` may come between these calls.
/// Engine thread only; nothing is allocated per step while the set of sequences stays the same.
///
/// The next plan may be scheduled and submitted before the answer comes, where every entry of the
/// step in flight computes one generated token and chooses the next one on the device: it computes
/// those next tokens unseen, without drafts, and takes new sequences in. A sequence that the answer
/// ends has one row in vain. What it gives back may be used again at once, since steps are computed
/// in the order of their submission.
///
/// Order of service is rank: lower priority number, then earlier arrival. Memory is reserved in
/// that order and taken from the lowest rank, so the first sequence always gets on and nobody
/// starves.
public final class Scheduler {
  private final SchedulerConfig config;
  private final KvCachePools pools;
  private final DraftPlanner drafts;
  private final LongSupplier nanoClock;
  private final WaitingQueue waiting = new WaitingQueue();
  private final RunningList running;
  private final Map<TokenStream, ActiveSequence> byStream = new HashMap<>();
  private final List<ActiveSequence> expired = new ArrayList<>();
  private final List<Sequence> released = new ArrayList<>();
  private final TokenBudget budget = new TokenBudget();
  private final ReservedBlocks reserved;

  /// Copies that the next submitted step makes, in order.
  private final List<CacheCopy> cacheCopies = new ArrayList<>();

  private final PlansInFlight plans;
  private final SchedulerStats stats;
  private final StepUpdate stepUpdate;
  private long nextId = 1;
  private long departures;
  private boolean statsTaken;
  private int waitingAgain;

  /// A scheduler over the given pools.
  ///
  /// @param draftLengths how many tokens to draft; not asked when the configuration allows none
  /// @param nanoClock the engine's clock, of deadlines and times
  public Scheduler(
      SchedulerConfig config,
      KvCachePools pools,
      DraftLengths draftLengths,
      LongSupplier nanoClock) {
    this.config = config;
    this.pools = pools;
    drafts = new DraftPlanner(draftLengths, config.maxDraftTokens());
    this.nanoClock = nanoClock;
    reserved = new ReservedBlocks(pools);
    int capacity = config.runnableSequences();
    running = new RunningList(capacity);
    plans = new PlansInFlight(capacity);
    stats = new SchedulerStats(config.maxDraftTokens());
    stepUpdate = new StepUpdate(draftLengths, stats, cacheCopies);
  }

  /// Puts a request in the queue.
  public void add(TokenStream stream) {
    ActiveSequence sequence = new ActiveSequence(nextId++, stream);
    byStream.put(stream, sequence);
    waiting.add(sequence);
  }

  /// Ends a generation; without effect when it has ended.
  public void cancel(TokenStream stream) {
    ActiveSequence sequence = byStream.get(stream);
    if (sequence != null) {
      finish(sequence, FinishReason.CANCELLED, OptionalInt.empty());
    }
  }

  /// Ends everything with a failure.
  public void failAll(ErrorCode code, String message) {
    for (ActiveSequence sequence : List.copyOf(byStream.values())) {
      fail(sequence, code, message);
    }
  }

  /// Fills and returns the plan of the next step; empty when nothing can be computed, or not before
  /// the step in flight has been answered. At most one step may be in flight. The plan is valid
  /// until its [#update], or until it is filled again if it is not submitted.
  public StepPlan schedule() {
    StepPlan plan = plans.next();
    if (statsTaken) {
      stats.clear();
      statsTaken = false;
    }
    if (plans.needsAnswer()) {
      return plan;
    }
    long now = nanoClock.getAsLong();
    finishExpired(now);
    if (!planRunning() || !admit(now) || !drafts.plan(running, budget)) {
      releaseUnsubmitted();
      return plan;
    }
    PlansInFlight.fill(plan, cacheCopies, running);
    return plan;
  }

  /// Gives back what was reserved for a plan that has to wait.
  private void releaseUnsubmitted() {
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      sequence.plan(0);
      if (sequence.isInFlight()) {
        sequence.memory().reserve(sequence.tokensInFlight(), 0);
      }
    }
  }

  /// Says that the plan of the last [#schedule] is being computed.
  public void submitted(StepPlan plan) {
    plans.submitted(plan);
    if (plan.cacheCopies() > 0) {
      cacheCopies.subList(0, plan.cacheCopies()).clear();
    }
  }

  private void finishExpired(long now) {
    waiting.takeExpired(now, expired);
    for (int i = 0; i < running.size(); i++) {
      if (running.at(i).isExpired(now)) {
        expired.add(running.at(i));
      }
    }
    for (int i = 0; i < expired.size(); i++) {
      finish(expired.get(i), FinishReason.DEADLINE, OptionalInt.empty());
    }
    expired.clear();
  }

  /// Reserves in order of rank. Where memory is short the running sequence of the lowest rank gives
  /// way, which may be the needy one itself. A victim ranks after the sequence it is sacrificed
  /// for, so it has not been planned yet.
  ///
  /// @return false when the step in flight has to end first
  private boolean planRunning() {
    int singles = 0;
    for (int i = 0; i < running.size(); i++) {
      singles += running.at(i).isDecoding() || running.at(i).isNextChosen() ? 1 : 0;
    }
    budget.reset(config.maxTokensPerStep() - singles);
    int index = 0;
    while (index < running.size()) {
      ActiveSequence sequence = running.at(index);
      boolean single = sequence.isDecoding() || sequence.isNextChosen();
      int tokens = single ? 1 : sequence.isInFlight() ? 0 : chunkTokens(sequence);
      sequence.plan(0);
      if (tokens > 0 && reserveOrPreempt(sequence, tokens)) {
        sequence.plan(tokens);
        budget.take(single ? 0 : tokens);
      } else if (tokens > 0 && !plans.isEmpty()) {
        return false;
      }
      index += sequence.status() == SequenceStatus.RUNNING ? 1 : 0;
    }
    return true;
  }

  /// Tokens that a sequence may compute within the budget. A chunk is all prompt or all generated
  /// tokens, and ends where states are to be kept.
  private int chunkTokens(ActiveSequence sequence) {
    int most = budget.remaining();
    if (sequence.isPastPrompt()) {
      return Math.min(most, sequence.leftTokens());
    }
    int left =
        Math.min(
            sequence.promptTokens() - sequence.computedTokens(),
            sequence.memory().maxPromptTokens());
    return Math.min(most, left);
  }

  /// False when the sequence itself had to go, or has to wait for the step in flight: nobody gives
  /// way while it is being computed.
  private boolean reserveOrPreempt(ActiveSequence sequence, int tokens) {
    while (!sequence.memory().reserve(sequence.tokensInFlight() + tokens, 0)) {
      if (!plans.isEmpty()) {
        return false;
      }
      if (running.size() == 1) {
        failForSize(sequence);
        return false;
      }
      ActiveSequence victim = running.last();
      preempt(victim);
      if (victim.equals(sequence)) {
        return false;
      }
    }
    return true;
  }

  private void preempt(ActiveSequence victim) {
    running.remove(victim);
    victim.preempt();
    released.add(victim);
    waiting.add(victim);
    waitingAgain++;
    stats.preemptions++;
  }

  /// Starts waiting sequences in order of rank while there is room. One whose prompt is being
  /// computed for another goes on waiting with room kept for it, and those behind it may pass.
  ///
  /// @return false when the step in flight has to end first
  private boolean admit(long now) {
    reserved.count(running);
    ActiveSequence next = waiting.first();
    while (next != null
        && budget.remaining() >= 1
        && running.size() + reserved.held() < config.runnableSequences()
        && (running.size() == 0 || reserved.leaveRoomFor(next))) {
      if (running.isComputing(next)) {
        reserved.hold(next);
      } else if (!start(next, now)) {
        return true;
      } else if (next.plannedTokens() == 0 && !plans.isEmpty()) {
        return false;
      }
      next = waiting.after(next);
    }
    return true;
  }

  /// False when it has to wait. No tokens are planned where the step in flight has to end first.
  private boolean start(ActiveSequence sequence, long now) {
    Optional<Opened> found =
        sequence.reportsPrompt() ? pools.open() : pools.open(sequence.prefixKey());
    if (found.isEmpty()) {
      return false;
    }
    Opened opened = found.get();
    leaveQueue(sequence);
    sequence.start(opened.memory(), now);
    running.add(sequence);
    cacheCopies.addAll(opened.copies());
    opened.prefixResult().ifPresent(result -> stats.addPrefix(result, sequence));
    int tokens = chunkTokens(sequence);
    if (reserveOrPreempt(sequence, tokens)) {
      sequence.plan(tokens);
      budget.take(tokens);
      reserved.add(sequence);
    }
    return sequence.status() != SequenceStatus.WAITING;
  }

  private void leaveQueue(ActiveSequence sequence) {
    waiting.remove(sequence);
    if (sequence.everRan()) {
      waitingAgain--;
    } else {
      departures++;
    }
  }

  /// Takes the answer to a plan: commits, hands new tokens to their readers, ends what is complete.
  ///
  /// @return tokens committed
  /// @throws EngineException INTERNAL when the answer does not fit the plan
  public int update(StepPlan answered, StepOutput output) {
    long now = nanoClock.getAsLong();
    int advanced = 0;
    plans.answered();
    statsTaken = true;
    stats.sequences = answered.size();
    for (int i = 0; i < answered.size(); i++) {
      ActiveSequence sequence = (ActiveSequence) answered.sequence(i);
      if (sequence.status() == SequenceStatus.FINISHED) {
        continue; // while the step was in flight
      }
      int before = sequence.computedTokens();
      switch (stepUpdate.apply(answered, output, i, sequence, now)) {
        case CONTINUES -> {}
        case STOPPED -> finish(sequence, FinishReason.STOP, OptionalInt.of(sequence.lastToken()));
        case FAILED -> fail(sequence, output.failure(i));
        case COMPLETE -> finish(sequence, FinishReason.LENGTH, OptionalInt.empty());
      }
      advanced += sequence.computedTokens() - before;
    }
    return advanced;
  }

  private void fail(ActiveSequence sequence, @Nullable EngineException failure) {
    Objects.requireNonNull(failure, "a failed entry's failure");
    fail(sequence, failure.code(), String.valueOf(failure.getMessage()));
  }

  private void failForSize(ActiveSequence sequence) {
    String message =
        "sequence of %d tokens: no memory when running alone (expected: at most %d blocks of %d tokens)"
            .formatted(
                sequence.tokens(), pools.blocksTotal(), pools.layout().demand().blockTokens());
    fail(sequence, ErrorCode.RESOURCE_EXHAUSTED, message);
  }

  private void fail(ActiveSequence sequence, ErrorCode code, String message) {
    long now = nanoClock.getAsLong();
    end(sequence, new GenerationEvent.Failed(code, message, sequence.stats(now)));
  }

  private void finish(ActiveSequence sequence, FinishReason reason, OptionalInt stopTokenId) {
    long now = nanoClock.getAsLong();
    end(sequence, new GenerationEvent.Finished(reason, stopTokenId, sequence.stats(now)));
  }

  private void end(ActiveSequence sequence, GenerationEvent.End event) {
    if (sequence.status() == SequenceStatus.RUNNING) {
      running.remove(sequence);
      released.add(sequence);
    } else {
      leaveQueue(sequence);
    }
    sequence.finish(event instanceof GenerationEvent.Finished);
    byStream.remove(sequence.stream());
    sequence.stream().end(event);
  }

  /// Names every sequence that lost its memory since the last call: before the next step runs, the
  /// runner must forget them.
  public void takeReleased(Consumer<Sequence> forget) {
    for (int i = 0; i < released.size(); i++) {
      forget.accept(released.get(i));
    }
    released.clear();
  }

  /// Names the copies that the next submitted step would make, in order; it makes them no more.
  public void takeCopies(Consumer<CacheCopy> make) {
    cacheCopies.forEach(make);
    cacheCopies.clear();
  }

  /// Sequences that hold memory.
  public int running() {
    return running.size();
  }

  /// Sequences in the queue, new and preempted.
  public int waiting() {
    return waiting.size();
  }

  /// Preempted sequences in the queue.
  public int waitingAgain() {
    return waitingAgain;
  }

  /// How many new sequences have left the queue since the start, to run or to end.
  public long departures() {
    return departures;
  }

  /// Counts of the step that was scheduled last; complete after its update.
  public SchedulerStats stats() {
    return stats;
  }
}
