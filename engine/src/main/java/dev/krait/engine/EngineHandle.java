package dev.krait.engine;

import dev.krait.cache.sequence.KvCachePools;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.GenerationStats;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jctools.queues.atomic.MpscUnboundedAtomicArrayQueue;
import org.jspecify.annotations.Nullable;

/// The engine as other threads see it: any thread may submit, cancel, abort and ask for the status.
///
/// It checks, counts and enqueues only; the engine thread does the rest. Whatever [#submit]
/// returned is ended by the engine in every case, also when it fails or closes in that moment.
public final class EngineHandle {
  private static final int QUEUE_CHUNK = 64;

  private enum State {
    OPEN,
    ABORTED,
    FAILED
  }

  private final EngineLimits limits;
  private final LongSupplier nanoClock;
  private final MpscUnboundedAtomicArrayQueue<EngineCommand> commands =
      new MpscUnboundedAtomicArrayQueue<>(QUEUE_CHUNK);
  private final AtomicInteger queued = new AtomicInteger();

  /// Sequences that wait or run: from the door until just before their reader sees the end.
  private final AtomicInteger present = new AtomicInteger();

  private final Runnable departure = present::decrementAndGet;
  private final ReentrantLock afterClose = new ReentrantLock();
  private final AtomicReference<State> state = new AtomicReference<>(State.OPEN);
  private volatile boolean closed;
  private volatile Runnable wake = () -> {};

  // Written by the engine thread after each step.
  private volatile int running;
  private volatile int waitingAgain;
  private volatile int blocksUsed;
  private volatile int slotsUsed;
  private volatile int snapshots;
  private volatile @Nullable String abortReason;
  private final int blocksTotal;
  private final int slotsTotal;

  EngineHandle(EngineLimits limits, LongSupplier nanoClock, int blocksTotal, int slotsTotal) {
    this.limits = limits;
    this.nanoClock = nanoClock;
    this.blocksTotal = blocksTotal;
    this.slotsTotal = slotsTotal;
  }

  /// Queues a request and returns the stream of its tokens.
  ///
  /// @throws EngineException INVALID_ARGUMENT for token ids outside the vocabulary,
  ///   CONTEXT_LENGTH_EXCEEDED for a prompt plus output beyond the model; RESOURCE_EXHAUSTED when
  ///   too many wait; UNAVAILABLE when the engine was aborted, has failed or is closed
  public TokenStream submit(GenerationRequest request) {
    return submit(request, () -> {});
  }

  /// The same, for a caller who counts what the engine works on.
  ///
  /// @param atEnd called once by the thread that ends the stream, before its reader sees the end;
  ///   not called when this method throws
  public TokenStream submit(GenerationRequest request, Runnable atEnd) {
    checkRequest(request);
    checkOpen();
    Runnable leaves =
        () -> {
          departure.run();
          atEnd.run();
        };
    TokenStream stream = new TokenStream(request, nanoClock.getAsLong(), leaves);
    EngineCommand command = new EngineCommand.Submit(stream);
    enter();
    boolean queuedNow = false;
    try {
      queuedNow = commands.offer(command);
    } finally {
      if (!queuedNow) {
        left(1);
        departure.run();
      }
    }
    sent();
    return stream;
  }

  /// Ends a generation before the next step; without effect when it has ended. Its stream ends with
  /// CANCELLED.
  public void cancel(TokenStream stream) {
    send(new EngineCommand.Cancel(stream));
  }

  /// Forgets the kept prefixes that no sequence uses, before the next step.
  ///
  /// @return how many blocks and state slots are then free again
  public CompletableFuture<Integer> clearPrefixes() {
    CompletableFuture<Integer> done = new CompletableFuture<>();
    send(new EngineCommand.ClearPrefixes(done));
    return done;
  }

  /// Refuses new requests from now on and ends everything that runs or waits before the next step,
  /// as unavailable.
  ///
  /// @param reason what readers are told
  public void abort(String reason) {
    abortReason = reason;
    state.compareAndSet(State.OPEN, State.ABORTED);
    send(new EngineCommand.Abort(reason));
  }

  /// Asks the engine thread something between two steps. A failure that is not an [EngineException]
  /// ends the engine, too.
  <T> CompletableFuture<T> ask(Supplier<T> question) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    Runnable run =
        () -> {
          try {
            answer.complete(question.get());
          } catch (EngineException refusal) {
            answer.completeExceptionally(refusal);
          } catch (RuntimeException failure) {
            answer.completeExceptionally(failure);
            throw failure;
          } catch (OutOfMemoryError full) {
            answer.completeExceptionally(
                new EngineException(
                    ErrorCode.RESOURCE_EXHAUSTED,
                    "memory: the Java heap is full (expected: room for a copy of a session)",
                    full));
          }
        };
    send(new EngineCommand.Ask(run, answer));
    return answer;
  }

  /// The engine at a glance.
  public EngineStatus status() {
    State now = state.get();
    return new EngineStatus(
        running,
        queued.get() + waitingAgain,
        blocksUsed,
        blocksTotal,
        slotsUsed,
        slotsTotal,
        snapshots,
        now == State.FAILED);
  }

  /// The time on the engine's clock, for deadlines.
  public long nanoTime() {
    return nanoClock.getAsLong();
  }

  private void checkRequest(GenerationRequest request) {
    TokenIds prompt = request.promptIds();
    long total = (long) prompt.size() + request.stop().maxTokens();
    if (total > limits.maxModelTokens()) {
      throw new EngineException(
          ErrorCode.CONTEXT_LENGTH_EXCEEDED,
          "prompt",
          "prompt tokens + max_tokens: %d + %d (expected: at most %d)"
              .formatted(prompt.size(), request.stop().maxTokens(), limits.maxModelTokens()));
    }
    checkIds("prompt token id", prompt);
    checkIds("stop token id", request.stop().stopTokenIds());
    for (int id : request.sampling().logitBias().keySet()) {
      checkId("logit_bias token id", id);
    }
    checkIds("allowed token id", request.sampling().allowedTokenIds());
    for (TokenIds word : request.sampling().badWords()) {
      checkIds("bad_words token id", word);
    }
  }

  private void checkIds(String name, TokenIds ids) {
    for (int i = 0; i < ids.size(); i++) {
      checkId(name, ids.at(i));
    }
  }

  private void checkId(String name, int id) {
    if (id < 0 || id >= limits.vocabSize()) {
      throw EngineException.invalidArgument(name, id, "0 to " + (limits.vocabSize() - 1));
    }
  }

  private void checkOpen() {
    if (closed || state.get() != State.OPEN) {
      throw unavailable();
    }
  }

  private String stateName() {
    return switch (state.get()) {
      case FAILED -> "failed";
      case OPEN, ABORTED -> closed ? "closed" : "aborted";
    };
  }

  /// Counts a new sequence at the door, or refuses it.
  private void enter() {
    long most = (long) limits.maxSequences() + limits.maxWaiting();
    while (true) {
      int now = present.get();
      if (now >= most) {
        throw new EngineException(
            ErrorCode.RESOURCE_EXHAUSTED,
            "sequences: %d wait or run (expected: fewer than max-sequences %d + max-waiting %d)"
                .formatted(now, limits.maxSequences(), limits.maxWaiting()));
      }
      if (present.compareAndSet(now, now + 1)) {
        queued.incrementAndGet();
        return;
      }
    }
  }

  private void send(EngineCommand command) {
    commands.offer(command);
    sent();
  }

  private void sent() {
    if (closed) {
      rejectQueued();
    } else {
      wake.run();
    }
  }

  // What follows is called by the engine thread.

  /// How to wake the engine thread.
  void wakeWith(Runnable waker) {
    wake = waker;
  }

  @Nullable EngineCommand poll() {
    return commands.poll();
  }

  boolean hasCommands() {
    return !commands.isEmpty();
  }

  /// So many new sequences no longer wait.
  void left(int sequences) {
    if (sequences != 0) {
      queued.addAndGet(-sequences);
    }
  }

  void publish(int runningNow, int waitingAgainNow, KvCachePools pools) {
    running = runningNow;
    waitingAgain = waitingAgainNow;
    blocksUsed = pools.blocksUsed();
    slotsUsed = pools.slotsUsed();
    snapshots = pools.snapshots();
  }

  void markFailed() {
    state.set(State.FAILED);
  }

  /// Ends what is queued now and whatever is sent later; the last call of the engine thread.
  void markClosed() {
    closed = true;
    wake = () -> {}; // it knows the engine, whose memory is free from now on
    rejectQueued();
  }

  /// Ends everything that is queued. A sender that finds the engine closed comes here too, because
  /// nobody else would take its command; hence the lock.
  private void rejectQueued() {
    afterClose.lock();
    try {
      EngineCommand command = commands.poll();
      while (command != null) {
        reject(command);
        command = commands.poll();
      }
    } finally {
      afterClose.unlock();
    }
  }

  void reject(EngineCommand command) {
    switch (command) {
      case EngineCommand.Submit submit -> refuse(submit.stream());
      case EngineCommand.Cancel cancel -> {}
      case EngineCommand.Ask ask -> ask.answer().completeExceptionally(unavailable());
      case EngineCommand.ClearPrefixes clear -> clear.done().completeExceptionally(unavailable());
      case EngineCommand.Abort abort -> {}
    }
  }

  private void refuse(TokenStream stream) {
    left(1);
    GenerationStats stats =
        GenerationStats.neverRan(
            stream.promptTokens(), stream.arrivalNanos(), nanoClock.getAsLong());
    EngineException refusal = unavailable();
    stream.end(
        new GenerationEvent.Failed(refusal.code(), String.valueOf(refusal.getMessage()), stats));
  }

  /// Who comes after an abort is told what those were told whom it ended.
  private EngineException unavailable() {
    String why = "engine: " + stateName() + " (expected: open)";
    return new EngineException(
        ErrorCode.UNAVAILABLE,
        state.get() == State.ABORTED ? Objects.requireNonNullElse(abortReason, why) : why);
  }
}
