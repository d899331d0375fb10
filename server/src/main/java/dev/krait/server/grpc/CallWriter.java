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
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes the messages of one call from one thread, waiting while the client reads too slowly, and
/// ending the connection of one that does not read at all.
final class CallWriter<T> {
  /// Bytes that may wait for the client before the next message is held back.
  private static final int UNREAD_BYTES = 16_384;

  private static final Logger LOG = LoggerFactory.getLogger(CallWriter.class);

  private final ServerCallStreamObserver<T> observer;
  private final Duration writeTimeout;
  private final Runnable hangUp;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<Runnable> cancelActions = new ArrayList<>();
  private boolean cancelled;
  private boolean closed;

  /// Takes over a call; must be created before the service method returns.
  ///
  /// @param writeTimeout longest wait for the client to read
  /// @param hangUp ends the connection of a client that does not
  CallWriter(StreamObserver<T> observer, Duration writeTimeout, Runnable hangUp) {
    this.observer = InferenceGrpcService.server(observer);
    this.writeTimeout = writeTimeout;
    this.hangUp = hangUp;
    this.observer.setOnReadyThreshold(UNREAD_BYTES);
    this.observer.setOnReadyHandler(this::signal);
    this.observer.setOnCancelHandler(this::cancelled);
    this.observer.setOnCloseHandler(this::closed);
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
      await(observer::isReady);
      requireClient();
      observer.onNext(message);
    } finally {
      lock.unlock();
    }
  }

  /// Ends the call.
  ///
  /// @throws EngineException with CANCELLED when the client is gone
  void complete() {
    lock.lock();
    try {
      requireClient();
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

  /// Waits until the client has all of an ended call, or is gone.
  void awaitRead() {
    lock.lock();
    try {
      await(() -> closed);
    } catch (EngineException unread) {
      LOG.debug("call: {}", unread.getMessage());
    } finally {
      lock.unlock();
    }
  }

  private void await(BooleanSupplier condition) {
    long left = writeTimeout.toNanos();
    while (!cancelled && !condition.getAsBoolean()) {
      if (left <= 0) {
        hangUp.run();
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
  }

  private void requireClient() {
    if (cancelled) {
      throw new EngineException(ErrorCode.CANCELLED, "client: gone");
    }
  }

  private void closed() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
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
