package dev.krait.engine;

import static dev.krait.engine.Requests.read;
import static dev.krait.engine.Requests.request;
import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.engine.Requests.Answer;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent.Failed;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.TokenStream;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.testing.InMemoryEngine;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class EngineThreadTest {

  @Test
  void anIdleEngineIsParkedWithoutATimeoutAndARequestWakesIt() {
    try (InMemoryEngine engine = InMemoryEngine.builder().build()) {
      Thread thread = engine.start().thread();
      for (int i = 0; i < 20; i++) {
        awaitParked(thread);
        assertThat(read(engine.handle().submit(request(4, 5))).ids()).hasSize(5);
      }
      awaitParked(thread);
    }
  }

  @Test
  void manyCallersAtOnceAllGetTheirText() throws Exception {
    InMemoryEngine.Builder builder =
        InMemoryEngine.builder().draftTokens(3).maxSequences(5).maxWaiting(1000).pools(4, 80, 4);
    try (InMemoryEngine engine = builder.build();
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      engine.start();
      List<Future<?>> calls = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        GenerationRequest request = request(1 + i % 50, i % 40);
        boolean hangsUp = i % 7 == 0;
        calls.add(
            callers.submit(() -> {
              TokenStream stream = engine.handle().submit(request);
              if (hangsUp) {
                engine.handle().cancel(stream);
              }
              Answer answer = read(stream);
              List<Integer> text = builder.model().text(request);
              assertThat(text.subList(0, answer.ids().size())).isEqualTo(answer.ids());
              boolean whole = ((Finished) answer.end()).reason() == FinishReason.LENGTH;
              assertThat(hangsUp || whole).isTrue();
            }));
      }
      for (Future<?> call : calls) {
        call.get();
      }
      awaitIdle(engine.handle());
    }
  }

  @Test
  void closingWhileCallersSubmitLeavesNoReaderWaiting() throws Exception {
    for (int round = 0; round < 100; round++) {
      InMemoryEngine engine = InMemoryEngine.builder().maxWaiting(10_000).build();
      engine.start();
      CompletableFuture<Integer> submitted = new CompletableFuture<>();
      CountDownLatch some = new CountDownLatch(1 + round);
      Thread.ofVirtual().start(() -> submitted.complete(submitUntilRefused(engine.handle(), some)));
      some.await();
      engine.close();
      assertThat(submitted.get()).isGreaterThan(round);
    }
  }

  /// Submits, reads every stream to its end, and answers how many there were.
  private static int submitUntilRefused(EngineHandle handle, CountDownLatch each) {
    List<TokenStream> streams = new ArrayList<>();
    try {
      while (streams.size() < 10_000) {
        streams.add(handle.submit(request(4, 5)));
        each.countDown();
      }
    } catch (EngineException refused) {
      assertThat(refused.code()).isEqualTo(ErrorCode.UNAVAILABLE);
    }
    streams.forEach(Requests::read);
    return streams.size();
  }

  @Test
  void anErrorThatKillsTheThreadStillEndsTheStreams() throws Exception {
    InMemoryEngine engine = InMemoryEngine.builder().runner(layout -> new DyingRunner()).build();
    EngineThread thread = engine.start();
    thread.thread().setUncaughtExceptionHandler((dead, error) -> {});
    Answer answer = read(engine.handle().submit(request(4, 5)));
    assertThat(((Failed) answer.end()).message()).isEqualTo("engine failed: broken");
    thread.thread().join();
    assertThat(engine.handle().status().failed()).isTrue();
    engine.close();
  }

  @Test
  void aFailureIsToldBeforeAnythingElseIsDoneAboutIt() throws Exception {
    CompletableFuture<String> told = new CompletableFuture<>();
    StepListener deaf =
        new StepListener() {
          @Override
          public void stepDone(StepStats stats) {}

          @Override
          public void engineFailed(Throwable cause) {
            told.complete(cause.getMessage());
            throw new OutOfMemoryError("again");
          }
        };
    InMemoryEngine engine =
        InMemoryEngine.builder().listener(deaf).runner(layout -> new DyingRunner()).build();
    EngineThread thread = engine.start();
    thread.thread().setUncaughtExceptionHandler((dead, error) -> {});
    TokenStream stream = engine.handle().submit(request(4, 5));
    assertThat(told.get()).isEqualTo("broken");
    thread.thread().join();
    assertThat(read(stream).end()).as("readers of a dead engine do not wait").isNotNull();
    engine.close();
  }

  private static void awaitParked(Thread thread) {
    while (thread.getState() != Thread.State.WAITING) {
      assertThat(Thread.currentThread().isInterrupted()).as("timed out").isFalse();
      LockSupport.parkNanos(100_000);
    }
  }

  private static final class DyingRunner implements ModelRunner {
    @Override
    public PendingStep submit(StepPlan plan) {
      throw new StackOverflowError("broken");
    }

    @Override
    public void copy(CacheCopy copy) {}

    @Override
    public void forget(Sequence sequence) {
      throw new IllegalStateException("nothing is called after a failure");
    }

    @Override
    public void close() {
      // It owns nothing.
    }
  }

  /// Waits until the engine thread has published that it holds nothing.
  private static void awaitIdle(EngineHandle handle) throws InterruptedException {
    EngineStatus status = handle.status();
    while (status.blocksUsed() + status.slotsUsed() + status.running() + status.waiting() > 0) {
      Thread.sleep(1);
      status = handle.status();
    }
  }
}
