package dev.krait.backend.cpu.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.backend.cpu.CpuBackend;
import dev.krait.error.EngineException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class WorkerPoolTest {
  @Test
  void everyItemRunsOnce() {
    for (int threads = 1; threads <= 4; threads++) {
      try (WorkerPool pool = new WorkerPool(threads)) {
        for (int items : new int[] {0, 1, 2, 7, 64, 1000}) {
          for (int grain : new int[] {1, 3, 500}) {
            AtomicIntegerArray runs = new AtomicIntegerArray(items);
            pool.parallelFor((worker, first, end) -> countAll(runs, first, end), items, grain);
            for (int i = 0; i < items; i++) {
              assertThat(runs.get(i)).isEqualTo(1);
            }
          }
        }
      }
    }
  }

  private static void countAll(AtomicIntegerArray runs, int first, int end) {
    for (int i = first; i < end; i++) {
      runs.incrementAndGet(i);
    }
  }

  @Test
  void thousandsOfRangesInARowAreEachComplete() {
    try (WorkerPool pool = new WorkerPool(3)) {
      int[] sums = new int[24];
      for (int round = 0; round < 20_000; round++) {
        pool.parallelFor((worker, first, end) -> increment(sums, first, end), sums.length, 1);
      }
      assertThat(sums).containsOnly(20_000);
    }
  }

  private static void increment(int[] sums, int first, int end) {
    for (int i = first; i < end; i++) {
      sums[i]++;
    }
  }

  @Test
  void workersShareTheRange() {
    try (WorkerPool pool = new WorkerPool(2)) {
      CountDownLatch both = new CountDownLatch(2);
      boolean[] ran = new boolean[2];
      pool.parallelFor(
          (worker, first, end) -> {
            ran[worker] = true;
            both.countDown();
            await(both);
          },
          2,
          1);
      assertThat(ran).containsExactly(true, true);
    }
  }

  @Test
  void everyThreadBeginsWithItsShareAndTakesWhatAnotherLeaves() {
    Set<Thread> before = workers();
    try (WorkerPool pool = new WorkerPool(2)) {
      Set<Thread> started = workers();
      started.removeAll(before);
      // A worker that looks for work while the range begins may take a chunk of the share that is
      // issued before its own; one that is parked finds both.
      awaitParked(started.iterator().next());
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch others = new CountDownLatch(15);
      List<Integer> byWorker = new CopyOnWriteArrayList<>();
      pool.parallelFor(
          (worker, first, end) -> {
            if (worker == 0) {
              begun.countDown();
              assertThat(first).isZero();
              await(others);
            } else {
              await(begun);
              byWorker.add(first);
              others.countDown();
            }
          },
          16,
          1);
      assertThat(byWorker).containsExactly(8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 4, 3, 2, 1);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aFailureReachesTheCallerAndThePoolGoesOn() {
    try (WorkerPool pool = new WorkerPool(2)) {
      assertThatThrownBy(() ->
              pool.parallelFor(
                  (worker, first, end) -> {
                    throw new IllegalStateException("chunk " + first);
                  },
                  2,
                  1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("chunk ");
      int[] sums = new int[8];
      pool.parallelFor((worker, first, end) -> increment(sums, first, end), 8, 1);
      assertThat(sums).containsOnly(1);
    }
  }

  @Test
  void aClosedPoolHasNoThreads() {
    Set<Thread> before = workers();
    WorkerPool pool = new WorkerPool(3);
    assertThat(workers()).hasSize(before.size() + 2);
    pool.close();
    assertThat(workers()).isEqualTo(before);
  }

  private static void awaitParked(Thread worker) {
    while (worker.getState() != Thread.State.WAITING) {
      assertThat(Thread.currentThread().isInterrupted()).as("timed out").isFalse();
      LockSupport.parkNanos(100_000);
    }
  }

  private static Set<Thread> workers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("krait-cpu-"))
        .collect(Collectors.toSet());
  }

  @Test
  void aBackendNeedsAThread() {
    assertThatThrownBy(() -> CpuBackend.open(0))
        .isInstanceOf(EngineException.class)
        .hasMessage("threads: 0 (expected: 1 or more)");
  }
}
