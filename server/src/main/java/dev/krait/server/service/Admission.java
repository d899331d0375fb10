package dev.krait.server.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The door: counts running requests, refuses when too many sequences are here, and closes for good
/// when the server drains. Any thread.
public final class Admission {
  private final int maxSequences;
  private final boolean priorities;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private int requests;
  private int sequences;
  private boolean draining;

  /// Creates an open door.
  ///
  /// @param maxSequences most sequences that may run or wait at once
  public Admission(int maxSequences) {
    this(maxSequences, false);
  }

  /// Creates an open door.
  ///
  /// @param maxSequences most sequences that may run or wait at once
  /// @param priorities whether a request may name a priority of its own
  public Admission(int maxSequences, boolean priorities) {
    this.maxSequences = maxSequences;
    this.priorities = priorities;
  }

  /// Refuses a priority unless the operator allows it: one client could keep all others waiting.
  ///
  /// @throws EngineException INVALID_ARGUMENT for any but 0
  public void checkPriority(int priority) {
    if (priority != 0 && !priorities) {
      throw EngineException.invalidArgument(
          "priority", priority, "0, unless the server runs with --scheduling-policy priority");
    }
  }

  /// A request that was let in. Closing it twice is closing it once.
  public final class Ticket implements AutoCloseable {
    private final int admitted;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private Ticket(int admitted) {
      this.admitted = admitted;
    }

    /// The request is over.
    @Override
    public void close() {
      if (open.compareAndSet(true, false)) {
        leave(admitted);
      }
    }
  }

  /// Lets a request in, before any work is done for it.
  ///
  /// @param asked sequences it will run
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room now, INVALID_ARGUMENT when
  ///   there never can be, UNAVAILABLE when draining
  public Ticket admit(int asked) {
    lock.lock();
    try {
      if (draining) {
        throw new EngineException(
            ErrorCode.UNAVAILABLE, "server: draining (expected: a server that stays)");
      }
      if (asked > maxSequences) {
        throw EngineException.invalidArgument(
            "n",
            asked + " sequences for all prompts",
            "at most " + maxSequences + ", more can never run and wait at once");
      }
      if (sequences + asked > maxSequences) {
        throw new EngineException(
            ErrorCode.RESOURCE_EXHAUSTED,
            "sequences: "
                + sequences
                + " are here, "
                + asked
                + " more asked for (expected: at most "
                + maxSequences
                + " at once; try later)");
      }
      requests++;
      sequences += asked;
      return new Ticket(asked);
    } finally {
      lock.unlock();
    }
  }

  /// Requests that are in.
  public int requests() {
    lock.lock();
    try {
      return requests;
    } finally {
      lock.unlock();
    }
  }

  /// True once it lets nobody in.
  public boolean isDraining() {
    lock.lock();
    try {
      return draining;
    } finally {
      lock.unlock();
    }
  }

  /// Lets nobody in from now on.
  public void drain() {
    lock.lock();
    try {
      draining = true;
    } finally {
      lock.unlock();
    }
  }

  /// Waits until every request is over.
  ///
  /// @param nanos most time to wait
  /// @return false when time ran out first, or the thread was interrupted
  public boolean awaitEmpty(long nanos) {
    lock.lock();
    try {
      long left = nanos;
      while (requests > 0) {
        if (left <= 0) {
          return false;
        }
        left = changed.awaitNanos(left);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  private void leave(int left) {
    lock.lock();
    try {
      requests--;
      sequences -= left;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
