package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Writes the messages of one call from one thread, waiting while the client reads too slowly.
final class CallWriter<T> {
  private final ServerCallStreamObserver<T> observer;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<Runnable> cancelActions = new ArrayList<>();
  private boolean cancelled;

  /// Takes over a call; must be created before the service method returns.
  CallWriter(StreamObserver<T> observer) {
    this.observer = InferenceGrpcService.server(observer);
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
  /// @throws EngineException with CANCELLED when the client is gone
  void send(T message) {
    lock.lock();
    try {
      while (!cancelled && !observer.isReady()) {
        changed.awaitUninterruptibly();
      }
      if (cancelled) {
        throw new EngineException(ErrorCode.CANCELLED, "client: gone");
      }
      observer.onNext(message);
    } finally {
      lock.unlock();
    }
  }

  void complete() {
    lock.lock();
    try {
      if (!cancelled) {
        observer.onCompleted();
      }
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
