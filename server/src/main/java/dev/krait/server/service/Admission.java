package dev.krait.server.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The door: counts running requests, refuses when too many sequences are here, and closes for good
/// when the server drains. Any thread.
public final class Admission {
  private final int maxSequences;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private int requests;
  private int sequences;
  private boolean draining;

  /// Creates an open door.
  ///
  /// @param maxSequences most sequences that may run or wait at once
  public Admission(int maxSequences) {
    this.maxSequences = maxSequences;
  }

  /// A request that was let in. Its sequences have places until the engine ends them or it is
  /// closed; closing it twice is closing it once.
  public final class Ticket implements AutoCloseable {
    private final AtomicInteger places;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private Ticket(int admitted) {
      this.places = new AtomicInteger(admitted);
    }

    /// The engine has ended a sequence: its place is free, whether or not its text has been read.
    public void sequenceEnded() {
      if (places.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        leave(0, 1);
      }
    }

    /// The request is over.
    @Override
    public void close() {
      if (open.compareAndSet(true, false)) {
        leave(1, places.getAndSet(0));
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

  private void leave(int requestsLeft, int sequencesLeft) {
    lock.lock();
    try {
      requests -= requestsLeft;
      sequences -= sequencesLeft;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
