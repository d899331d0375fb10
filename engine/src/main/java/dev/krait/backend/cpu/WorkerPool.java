package dev.krait.backend.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A fixed set of threads that share the chunks of one range at a time with the calling thread.
///
/// Chunks are claimed from one counter, so a worker that the system has put aside delays nobody. A
/// worker without work spins for some microseconds, so that the next operation of a step finds it
/// awake, then parks: an idle pool uses no CPU. Dispatching allocates nothing.
final class WorkerPool implements AutoCloseable {
  private static final long SPIN_NANOS = 250_000;
  private static final int SPINS_PER_CLOCK_READ = 64;
  private static final int CHUNKS_PER_THREAD = 8;
  private static final long LEFT_MASK = 0xffffffffL;

  /// Work over a range.
  interface Task {
    /// Does `[first, end)`.
    ///
    /// @param worker index of the running thread, below the pool's threads
    void run(int worker, int first, int end);
  }

  private final Worker[] workers;

  /// Number of the current range in the upper half, its unclaimed chunks in the lower.
  private final AtomicLong ticket = new AtomicLong();

  private final AtomicInteger unfinished = new AtomicInteger();

  // Written before the ticket is issued and read after a chunk is claimed; the range cannot end
  // between the two.
  private Task task = (worker, first, end) -> {};
  private int items;
  private int chunks;

  private volatile @Nullable Throwable failure;
  private volatile @Nullable Thread waiting;
  private volatile boolean closed;

  /// Starts `threads - 1` workers; the caller is the last thread.
  WorkerPool(int threads) {
    workers = new Worker[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      workers[i] = new Worker(i + 1);
      workers[i].start();
    }
  }

  /// Workers and the caller.
  int threads() {
    return workers.length + 1;
  }

  /// Runs the task over `[0, items)` in chunks of at least `grain` items and returns when all are
  /// done; a range of one chunk runs on the caller alone.
  void parallelFor(Task task, int items, int grain) {
    int wanted = Math.min(items / Math.max(1, grain), threads() * CHUNKS_PER_THREAD);
    if (wanted <= 1 || workers.length == 0) {
      if (items > 0) {
        task.run(0, 0, items);
      }
      return;
    }
    this.task = task;
    this.items = items;
    chunks = wanted;
    unfinished.set(wanted);
    ticket.set((ticket.get() | LEFT_MASK) + 1 + wanted);
    wakeWorkers();
    boolean more = true;
    while (more) {
      more = runChunk(0);
    }
    awaitOthers();
    Throwable thrown = failure;
    if (thrown != null) {
      failure = null;
      rethrow(thrown);
    }
  }

  private static void rethrow(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    throw (RuntimeException) thrown;
  }

  private void wakeWorkers() {
    for (Worker worker : workers) {
      if (worker.parked) {
        LockSupport.unpark(worker);
      }
    }
  }

  /// Claims and runs a chunk; false when none was left.
  private boolean runChunk(int worker) {
    long current = ticket.get();
    int left = (int) current;
    if (left == 0) {
      return false;
    }
    if (!ticket.compareAndSet(current, current - 1)) {
      return true;
    }
    int chunk = chunks - left;
    int first = (int) ((long) items * chunk / chunks);
    int end = (int) ((long) items * (chunk + 1) / chunks);
    try {
      task.run(worker, first, end);
    } catch (RuntimeException | Error thrown) {
      failure = thrown;
    }
    if (unfinished.decrementAndGet() == 0) {
      LockSupport.unpark(waiting);
    }
    return true;
  }

  private void awaitOthers() {
    long deadline = 0;
    for (int spins = 0; unfinished.get() != 0; spins++) {
      Thread.onSpinWait();
      if (spins % SPINS_PER_CLOCK_READ == 0) {
        long now = System.nanoTime();
        if (deadline == 0) {
          deadline = now + SPIN_NANOS;
        } else if (now > deadline) {
          parkUntilDone();
        }
      }
    }
  }

  private void parkUntilDone() {
    waiting = Thread.currentThread();
    while (unfinished.get() != 0) {
      LockSupport.park(this);
    }
    waiting = null;
  }

  /// Ends the workers.
  @Override
  public void close() {
    closed = true;
    for (Worker worker : workers) {
      LockSupport.unpark(worker);
    }
    boolean interrupted = false;
    for (Worker worker : workers) {
      while (worker.isAlive()) {
        try {
          worker.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Worker extends Thread {
    private final int index;
    private volatile boolean parked;

    Worker(int index) {
      super("krait-cpu-" + index);
      this.index = index;
      setDaemon(true);
    }

    @Override
    public void run() {
      while (!closed) {
        if (!runChunk(index) && !spin()) {
          parked = true;
          if ((int) ticket.get() == 0 && !closed) {
            LockSupport.park(WorkerPool.this);
          }
          parked = false;
        }
      }
    }

    /// Waits a little for chunks; true when there are some.
    private boolean spin() {
      long deadline = System.nanoTime() + SPIN_NANOS;
      for (int spins = 1; (int) ticket.get() == 0; spins++) {
        Thread.onSpinWait();
        if (spins % SPINS_PER_CLOCK_READ == 0 && System.nanoTime() > deadline) {
          return false;
        }
      }
      return true;
    }
  }
}
