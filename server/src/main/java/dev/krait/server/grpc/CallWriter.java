package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Writes the messages of one call from one thread, waiting while the client reads too slowly, and
/// giving up on one that does not read at all.
final class CallWriter<T> {
  /// Bytes that may wait for the client before the next message is held back.
  private static final int UNREAD_BYTES = 16_384;

  private final ServerCallStreamObserver<T> observer;
  private final Duration writeTimeout;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<Runnable> cancelActions = new ArrayList<>();
  private boolean cancelled;

  /// Takes over a call; must be created before the service method returns.
  ///
  /// @param writeTimeout longest wait for the client to read
  CallWriter(StreamObserver<T> observer, Duration writeTimeout) {
    this.observer = InferenceGrpcService.server(observer);
    this.writeTimeout = writeTimeout;
    this.observer.setOnReadyThreshold(UNREAD_BYTES);
    this.observer.setOnReadyHandler(this::signal);
    this.observer.setOnCancelHandler(this::cancelled);
  }

  /// Runs an action when the client cancels; at once if it has.
  void onCancel(Runnable action) {
    lock.lock();
    try {
      if (!cancelled) {
        cancelActions.add(action);
        return;
      }
    } finally {
      lock.unlock();
    }
    action.run();
  }

  /// Sends a message.
  ///
  /// @throws EngineException with CANCELLED when the client is gone, DEADLINE_EXCEEDED when it does
  ///   not read
  void send(T message) {
    lock.lock();
    try {
      awaitReady();
      observer.onNext(message);
    } finally {
      lock.unlock();
    }
  }

  /// Ends the call when the client has read nearly all of it.
  ///
  /// @throws EngineException as [#send]
  void complete() {
    lock.lock();
    try {
      awaitReady();
      observer.onCompleted();
    } finally {
      lock.unlock();
    }
  }

  void fail(StatusRuntimeException failure) {
    lock.lock();
    try {
      if (!cancelled) {
        observer.onError(failure);
      }
    } finally {
      lock.unlock();
    }
  }

  private void awaitReady() {
    long left = writeTimeout.toNanos();
    while (!cancelled && !observer.isReady()) {
      if (left <= 0) {
        throw new EngineException(
            ErrorCode.DEADLINE_EXCEEDED,
            "client: an answer unread for "
                + writeTimeout.toSeconds()
                + " s (expected: a client that reads)");
      }
      try {
        left = changed.awaitNanos(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new EngineException(ErrorCode.CANCELLED, "call: interrupted", e);
      }
    }
    if (cancelled) {
      throw new EngineException(ErrorCode.CANCELLED, "client: gone");
    }
  }

  private void signal() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void cancelled() {
    List<Runnable> actions;
    lock.lock();
    try {
      cancelled = true;
      changed.signalAll();
      actions = List.copyOf(cancelActions);
    } finally {
      lock.unlock();
    }
    actions.forEach(Runnable::run);
  }
}
