package dev.krait.server.grpc;

import dev.krait.service.BodyMemory;
import io.grpc.Context;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// How the request of one call arrives: until it is whole, it may be refused, once. The transport
/// tells of its bytes, the call's threads of the rest.
final class Arrival extends ServerStreamTracer {
  private static final Context.Key<Arrival> KEY = Context.key("arrival");

  private final BodyMemory memory;
  private final ReentrantLock lock = new ReentrantLock();
  private State state = State.ARRIVING;
  private long held;
  private @Nullable Consumer<Status> refusal;
  private @Nullable Future<?> late;

  private enum State {
    ARRIVING,
    REFUSED,
    ANSWERING,
    CLOSED
  }

  /// A call of which no byte is here.
  ///
  /// @param memory from which its bytes are taken
  Arrival(BodyMemory memory) {
    this.memory = memory;
  }

  /// That of the call which the thread works for.
  static Arrival current() {
    return KEY.get();
  }

  @Override
  public Context filterContext(Context context) {
    return context.withValue(KEY, this);
  }

  /// Says how the call is refused, before anything of its request is read.
  ///
  /// @param timeout refuses it when its time is over
  void begin(Consumer<Status> closer, Future<?> timeout) {
    lock.lock();
    try {
      refusal = closer;
      late = timeout;
    } finally {
      lock.unlock();
    }
  }

  /// Ends the call unless its request is whole, or it is answered already.
  void refuse(Status status) {
    Consumer<Status> closer;
    lock.lock();
    try {
      if (state != State.ARRIVING || refusal == null) {
        return;
      }
      closer = refusal;
      end(State.REFUSED);
    } finally {
      lock.unlock();
    }
    closer.accept(status);
  }

  /// The request is whole, or gets its answer before it is: nobody else may refuse it from now on.
  ///
  /// @return false when it has been refused
  boolean mayAnswer() {
    lock.lock();
    try {
      if (state == State.ARRIVING) {
        end(State.ANSWERING);
      }
      return state != State.REFUSED;
    } finally {
      lock.unlock();
    }
  }

  private void end(State next) {
    state = next;
    if (late != null) {
      late.cancel(false);
    }
  }

  @Override
  public void inboundWireSize(long bytes) {
    lock.lock();
    try {
      if (state != State.ARRIVING) {
        return;
      }
      if (memory.take(held, (int) bytes)) {
        held += bytes;
        return;
      }
    } finally {
      lock.unlock();
    }
    refuse(
        Status.RESOURCE_EXHAUSTED.withDescription(
            "message: no memory left beside the requests of others (expected: less at once; try"
                + " later)"));
  }

  @Override
  public void streamClosed(Status status) {
    lock.lock();
    try {
      if (state == State.ARRIVING) {
        end(State.CLOSED);
      }
      memory.giveBack(held);
      held = 0;
    } finally {
      lock.unlock();
    }
  }
}
