package dev.krait.scheduler;

import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.sequence.CachePools;
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
/// with `submitted`, `update` with its answer. The next plan may be submitted before the answer
/// comes; it leaves out the sequences of the step in flight, whose next tokens are not known yet.
/// `cancel` and `failAll` may come between these calls. Engine thread only; nothing is allocated
/// per step while the set of sequences stays the same.
///
/// Order of service is rank: lower priority number, then earlier arrival. Memory is reserved in
/// that order and taken from the lowest rank, so the first sequence always gets on and nobody
/// starves.
public final class Scheduler {
  private final SchedulerConfig config;
  private final CachePools pools;
  private final DraftLengths draftLengths;
  private final LongSupplier nanoClock;
  private final WaitingQueue waiting = new WaitingQueue();
  private final RunningList running;
  private final Map<TokenStream, ActiveSequence> byStream = new HashMap<>();
  private final List<ActiveSequence> expired = new ArrayList<>();
  private final List<Sequence> released = new ArrayList<>();
  private final TokenBudget budget = new TokenBudget();
  private final ReservedBlocks reserved;

  /// Copies that the next submitted step makes, in order.
  private final List<SlotCopy> slotCopies = new ArrayList<>();

  /// One in flight and one that is being filled.
  private final StepPlan[] plans;

  private final StepTally tally;
  private final StepUpdate stepUpdate;
  private long nextId = 1;
  private long departures;
  private int nextPlan;
  private int inFlight;
  private boolean tallyTaken;
  private int waitingAgain;

  /// A scheduler over the given pools.
  ///
  /// @param draftLengths how many tokens to draft; not asked when the configuration allows none
  /// @param nanoClock the engine's clock, of deadlines and times
  public Scheduler(
      SchedulerConfig config, CachePools pools, DraftLengths draftLengths, LongSupplier nanoClock) {
    this.config = config;
    this.pools = pools;
    this.draftLengths = draftLengths;
    this.nanoClock = nanoClock;
    reserved = new ReservedBlocks(pools);
    int capacity = config.runnableSequences();
    running = new RunningList(capacity);
    plans = new StepPlan[] {new StepPlan(capacity), new StepPlan(capacity)};
    tally = new StepTally(config.maxDraftTokens());
    stepUpdate = new StepUpdate(draftLengths, tally, slotCopies);
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

  /// Fills and returns the plan of the next step; empty when nothing can be computed. At most one
  /// step may be in flight. The plan is valid until its [#update], or until it is filled again if
  /// it is not submitted.
  public StepPlan schedule() {
    if (inFlight == plans.length) {
      throw new EngineException(
          ErrorCode.INTERNAL, "steps in flight: " + inFlight + " (expected: at most 1)");
    }
    if (tallyTaken) {
      tally.clear();
      tallyTaken = false;
    }
    StepPlan plan = plans[nextPlan];
    plan.clear();
    long now = nanoClock.getAsLong();
    finishExpired(now);
    planRunning();
    admit(now);
    if (config.maxDraftTokens() > 0) {
      planDrafts();
    }
    fillPlan(plan);
    return plan;
  }

  /// Says that the plan of the last [#schedule] is being computed.
  public void submitted(StepPlan plan) {
    for (int i = 0; i < plan.size(); i++) {
      ((ActiveSequence) plan.sequence(i)).submit();
    }
    if (plan.slotCopies() > 0) {
      slotCopies.subList(0, plan.slotCopies()).clear();
    }
    inFlight++;
    nextPlan = 1 - nextPlan;
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
  private void planRunning() {
    int singles = 0;
    for (int i = 0; i < running.size(); i++) {
      singles += running.at(i).isSingle() ? 1 : 0;
    }
    budget.reset(config.maxTokensPerStep() - singles);
    int index = 0;
    while (index < running.size()) {
      ActiveSequence sequence = running.at(index);
      boolean single = sequence.isSingle();
      int tokens = sequence.isInFlight() ? 0 : single ? 1 : chunkTokens(sequence);
      sequence.plan(0);
      if (tokens > 0 && reserveOrPreempt(sequence, tokens)) {
        sequence.plan(tokens);
        budget.take(single ? 0 : tokens);
      }
      index += sequence.status() == SequenceStatus.RUNNING ? 1 : 0;
    }
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
  /// way whose tokens are being computed.
  private boolean reserveOrPreempt(ActiveSequence sequence, int tokens) {
    while (!sequence.memory().reserve(tokens, 0)) {
      if (running.size() == 1) {
        failForSize(sequence);
        return false;
      }
      ActiveSequence victim = running.last();
      if (victim.isInFlight()) {
        return false;
      }
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
    tally.preemptions++;
  }

  /// Starts waiting sequences in order of rank while there is room. One whose prompt is being
  /// computed for another goes on waiting with room kept for it, and those behind it may pass.
  private void admit(long now) {
    reserved.count(running);
    ActiveSequence next = waiting.first();
    while (next != null
        && budget.remaining() >= 1
        && running.size() + reserved.held() < config.runnableSequences()
        && (running.size() == 0 || reserved.leaveRoomFor(next))) {
      if (running.isComputing(next)) {
        reserved.hold(next);
      } else if (!start(next, now)) {
        return;
      }
      next = waiting.after(next);
    }
  }

  /// False when it has to wait.
  private boolean start(ActiveSequence sequence, long now) {
    Optional<Opened> found =
        sequence.reportsPrompt() ? pools.open() : pools.open(sequence.request().promptIds());
    if (found.isEmpty()) {
      return false;
    }
    Opened opened = found.get();
    leaveQueue(sequence);
    sequence.start(opened.memory(), now);
    running.add(sequence);
    opened.slotCopy().ifPresent(slotCopies::add);
    opened.prefixResult().ifPresent(result -> tally.addPrefix(result, sequence));
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

  /// Offers drafts with what tokens and blocks are left; nobody gives way for them.
  private void planDrafts() {
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      if (!sequence.isSingle()) {
        continue;
      }
      int drafts = draftLengths.draftTokens(sequence, running.size());
      drafts = Math.min(drafts, config.maxDraftTokens());
      drafts = Math.min(drafts, Math.min(sequence.leftOutput(), budget.remaining()));
      if (drafts > 0 && sequence.memory().reserve(0, 1 + drafts)) {
        sequence.planDrafts(drafts);
        budget.take(drafts);
      }
    }
  }

  /// Generated tokens before prompt tokens.
  private void fillPlan(StepPlan plan) {
    for (int i = 0; i < slotCopies.size(); i++) {
      plan.add(slotCopies.get(i));
    }
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      if (sequence.isPastPrompt() && sequence.plannedTokens() > 0) {
        plan.add(sequence, sequence.plannedTokens(), sequence.plannedDrafts());
      }
    }
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      if (!sequence.isPastPrompt() && sequence.plannedTokens() > 0) {
        plan.add(sequence, sequence.plannedTokens(), 0);
      }
    }
  }

  /// Takes the answer to a plan: commits, hands new tokens to their readers, ends what is complete.
  ///
  /// @return tokens committed
  /// @throws EngineException INTERNAL when the answer does not fit the plan
  public int update(StepPlan answered, StepOutput output) {
    long now = nanoClock.getAsLong();
    int advanced = 0;
    inFlight--;
    tallyTaken = true;
    tally.sequences = answered.size();
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
    sequence.finish();
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
  public StepTally tally() {
    return tally;
  }
}
