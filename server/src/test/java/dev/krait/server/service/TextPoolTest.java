package dev.krait.server.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.testing.Waiting;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class TextPoolTest {
  @Test
  void workRunsOnPlatformThreadsAndItsFailuresAreThrownAsTheyAre() {
    try (TextPool pool = new TextPool(1, 1)) {
      assertThat(pool.call(() -> Thread.currentThread().isVirtual())).isFalse();
      assertThat(pool.call(() -> Thread.currentThread().getName())).startsWith("krait-text-");
      EngineException failure = EngineException.invalidArgument("n", 0, "1");
      assertThatThrownBy(() -> pool.call(() -> fail(failure))).isSameAs(failure);
      StackOverflowError error = new StackOverflowError();
      assertThatThrownBy(() -> pool.call(() -> fail(error))).isSameAs(error);
      assertThat(pool.call(() -> 5)).isEqualTo(5);
    }
  }

  private static Object fail(Throwable failure) {
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
    throw (Error) failure;
  }

  @Test
  void refusesWhatItCannotKeepWaiting() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    AtomicInteger done = new AtomicInteger();
    try (TextPool pool = new TextPool(1, 1);
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Integer> first =
          callers.submit(() ->
              pool.call(() -> {
                running.countDown();
                awaitQuietly(release);
                return done.incrementAndGet();
              }));
      running.await();
      // Of two more, one waits and one is refused.
      AtomicInteger refused = new AtomicInteger();
      Future<Integer> second = callers.submit(() -> callOrRefused(pool, done, refused));
      Future<Integer> third = callers.submit(() -> callOrRefused(pool, done, refused));
      Waiting.until(() -> refused.get() == 1);
      release.countDown();
      assertThat(first.get()).isEqualTo(1);
      assertThat(second.get() + third.get()).isEqualTo(2);
      assertThat(refused).hasValue(1);
    }
  }

  private static int callOrRefused(TextPool pool, AtomicInteger done, AtomicInteger refused) {
    try {
      return pool.call(done::incrementAndGet);
    } catch (EngineException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
      assertThat(e)
          .hasMessage("requests: 1 wait to be read (expected: at most so many at once; try later)");
      refused.incrementAndGet();
      return 0;
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aClosedPoolIsUnavailable() {
    TextPool pool = new TextPool(1, 1);
    pool.close();
    assertThatThrownBy(() -> pool.call(() -> 1))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNAVAILABLE));
  }
}
