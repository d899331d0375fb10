package dev.krait.backend.cpu.machine;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A fixed set of threads that share the chunks of one range at a time with the calling thread.
///
/// Every thread has a share of neighboring chunks and takes them in order, so that it reads memory
/// in one run and finds in its caches what it left there in the operation before. A thread that has
/// none left takes the last ones of others, so a worker that the system has put aside delays
/// nobody. A worker without work spins for some microseconds, so that the next operation of a step
/// finds it awake, then parks: an idle pool uses no CPU. Dispatching allocates nothing.
public final class WorkerPool implements AutoCloseable {
  private static final long SPIN_NANOS = 250_000;
  private static final int SPINS_PER_CLOCK_READ = 64;
  private static final int CHUNKS_PER_THREAD = 8;

  // Fields of a share: number of the range, next chunk of the owner, end of the chunks left.
  private static final int NUMBER_SHIFT = 32;
  private static final int NEXT_SHIFT = 16;
  private static final int CHUNK_MASK = 0xffff;

  /// Longs from share to share: each in a line of its own.
  private static final int SHARE_STRIDE = 16;

  /// Work over a range.
  public interface Task {
    /// Does `[first, end)`.
    ///
    /// @param worker index of the running thread, below the pool's threads
    void run(int worker, int first, int end);
  }

  private final Worker[] workers;

  /// What is left of each thread's share. The number tells a share from one of an earlier range.
  private final AtomicLongArray shares;

  private final AtomicInteger unfinished = new AtomicInteger();

  // Written before the shares are issued and read after a chunk is claimed; the range cannot end
  // between the two.
  private Task task = (worker, first, end) -> {};
  private int items;
  private int chunks;
  private int ranges;

  private volatile @Nullable Throwable failure;
  private volatile @Nullable Thread waiting;
  private volatile boolean closed;

  /// Starts `threads - 1` workers; the caller is the last thread.
  public WorkerPool(int threads) {
    shares = new AtomicLongArray(threads * SHARE_STRIDE);
    workers = new Worker[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      workers[i] = new Worker(i + 1);
      workers[i].start();
    }
  }

  /// Workers and the caller.
  public int threads() {
    return workers.length + 1;
  }

  /// Runs the task over `[0, items)` in chunks of at least `grain` items and returns when all are
  /// done; a range of one chunk runs on the caller alone.
  public void parallelFor(Task task, int items, int grain) {
    int wanted = chunksOf(items / Math.max(1, grain));
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
    issueShares();
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

  /// Chunks of a range that allows at most so many: as many for each thread.
  private int chunksOf(int most) {
    int threads = threads();
    return most < threads ? most : Math.min(most / threads, CHUNKS_PER_THREAD) * threads;
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

  private void issueShares() {
    long number = (long) ++ranges << NUMBER_SHIFT;
    int threads = threads();
    for (int i = 0; i < threads; i++) {
      int next = Math.ceilDiv(chunks * i, threads);
      int end = Math.ceilDiv(chunks * (i + 1), threads);
      shares.set(i * SHARE_STRIDE, number | (long) next << NEXT_SHIFT | end);
    }
  }

  /// Claims and runs a chunk; false when none was left.
  private boolean runChunk(int worker) {
    int chunk = claim(worker, true);
    for (int other = 0; chunk < 0 && other < threads(); other++) {
      chunk = claim(other, false);
    }
    if (chunk < 0) {
      return false;
    }
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

  /// A chunk of a share, its first or its last; -1 when none is left.
  private int claim(int owner, boolean first) {
    int at = owner * SHARE_STRIDE;
    while (true) {
      long share = shares.get(at);
      if (isEmpty(share)) {
        return -1;
      }
      if (shares.compareAndSet(at, share, first ? share + (1 << NEXT_SHIFT) : share - 1)) {
        return first ? next(share) : end(share) - 1;
      }
    }
  }

  private static int next(long share) {
    return (int) (share >>> NEXT_SHIFT) & CHUNK_MASK;
  }

  private static int end(long share) {
    return (int) share & CHUNK_MASK;
  }

  private static boolean isEmpty(long share) {
    return next(share) == end(share);
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
          if (hasNoShare() && !closed) {
            LockSupport.park(WorkerPool.this);
          }
          parked = false;
        }
      }
    }

    private boolean hasNoShare() {
      return isEmpty(shares.get(index * SHARE_STRIDE));
    }

    /// Waits a little for a share; true when there is one.
    private boolean spin() {
      long deadline = System.nanoTime() + SPIN_NANOS;
      for (int spins = 1; hasNoShare(); spins++) {
        Thread.onSpinWait();
        if (spins % SPINS_PER_CLOCK_READ == 0 && System.nanoTime() > deadline) {
          return false;
        }
      }
      return true;
    }
  }
}
