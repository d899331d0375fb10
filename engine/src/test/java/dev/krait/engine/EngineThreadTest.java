package dev.krait.engine;

import static dev.krait.engine.Requests.read;
import static dev.krait.engine.Requests.request;
import static org.assertj.core.api.Assertions.assertThat;

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
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class EngineThreadTest {

  @Test
  void an_idle_engine_is_parked_without_a_timeout_and_a_request_wakes_it() {
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
  void many_callers_at_once_all_get_their_text() throws Exception {
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
        call.get(30, TimeUnit.SECONDS);
      }
      engine.handle().drain().get(30, TimeUnit.SECONDS);
      EngineStatus status = engine.handle().status();
      assertThat(status.blocksUsed() + status.slotsUsed() + status.running() + status.waiting())
          .isZero();
    }
  }

  @Test
  void closing_while_callers_submit_leaves_no_reader_waiting() throws Exception {
    for (int round = 0; round < 100; round++) {
      InMemoryEngine engine = InMemoryEngine.builder().maxWaiting(10_000).build();
      engine.start();
      CompletableFuture<Integer> submitted = new CompletableFuture<>();
      CountDownLatch some = new CountDownLatch(1 + round);
      Thread.ofVirtual().start(() -> submitted.complete(submitUntilRefused(engine.handle(), some)));
      some.await();
      engine.close();
      assertThat(submitted.get(30, TimeUnit.SECONDS)).isGreaterThan(round);
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
  void an_error_that_kills_the_thread_still_ends_the_streams() throws Exception {
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
  void a_failure_is_told_before_anything_else_is_done_about_it() throws Exception {
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
    assertThat(told.get(30, TimeUnit.SECONDS)).isEqualTo("broken");
    thread.thread().join();
    assertThat(read(stream).end()).as("readers of a dead engine do not wait").isNotNull();
    engine.close();
  }

  private static void awaitParked(Thread thread) {
    while (thread.getState() != Thread.State.WAITING) {
      assertThat(Thread.currentThread().isInterrupted()).as("timed out").isFalse();
      Thread.onSpinWait();
    }
  }

  private static final class DyingRunner implements ModelRunner {
    @Override
    public PendingStep submit(StepPlan plan) {
      throw new StackOverflowError("broken");
    }

    @Override
    public void copySlot(int from, int to) {
      throw new IllegalStateException("nothing is kept");
    }

    @Override
    public void forget(Sequence sequence) {
      throw new IllegalStateException("nothing is called after a failure");
    }

    @Override
    public void close() {
      // It owns nothing.
    }
  }
}
