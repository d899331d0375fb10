package dev.krait.server.http;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Counts the requests that are being answered, whatever they ask for. Any thread.
final class Exchanges {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition none = lock.newCondition();
  private int running;

  /// A whole request has arrived.
  void begin() {
    lock.lock();
    try {
      running++;
    } finally {
      lock.unlock();
    }
  }

  /// Its answer is written, or its client is gone.
  void end() {
    lock.lock();
    try {
      running--;
      if (running == 0) {
        none.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /// Requests that are being answered.
  int running() {
    lock.lock();
    try {
      return running;
    } finally {
      lock.unlock();
    }
  }

  /// Waits until nothing is being answered.
  ///
  /// @param nanos most time to wait
  /// @return false when time ran out first, or the thread was interrupted
  boolean awaitNone(long nanos) {
    lock.lock();
    try {
      long left = nanos;
      while (running > 0) {
        if (left <= 0) {
          return false;
        }
        left = none.awaitNanos(left);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }
}
