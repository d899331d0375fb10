package dev.krait.server.grpc;

import dev.krait.service.Admission;
import dev.krait.service.BodyMemory;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/// Bounds how the request of a call arrives, as HTTP does: its bytes are taken from the memory of
/// bodies as they come, it must be whole in time, and it must be what the protocol says.
///
/// Must stand before the place where bytes become messages: left alone, gRPC takes a message that
/// is none for a defect of the server.
final class CallInterceptor extends ServerStreamTracer.Factory implements ServerInterceptor {
  private static final Context.Key<Caller> CALLER = Context.key("caller");

  private final BodyMemory bodies;
  private final Duration requestTimeout;
  private final GrpcConnections connections;
  private final ScheduledExecutorService timer;

  /// Creates the interceptor, which is to be added as tracer, too.
  ///
  /// @param bodies memory for requests
  /// @param requestTimeout how long a client may take to send one
  /// @param timer runs what must not wait for a busy thread
  CallInterceptor(
      BodyMemory bodies,
      Duration requestTimeout,
      GrpcConnections connections,
      ScheduledExecutorService timer) {
    this.bodies = bodies;
    this.requestTimeout = requestTimeout;
    this.connections = connections;
    this.timer = timer;
  }

  /// Who makes a call.
  ///
  /// @param client its name for [Admission]
  /// @param hangUp ends its connection
  record Caller(String client, Runnable hangUp) {
    /// Who makes the call of this thread.
    static Caller current() {
      return CALLER.get();
    }
  }

  @Override
  public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
    return new Arrival(bodies);
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    Arrival arrival = Arrival.current();
    Future<?> late =
        timer.schedule(
            () -> arrival.refuse(tooLate()), requestTimeout.toMillis(), TimeUnit.MILLISECONDS);
    arrival.begin(status -> call.close(status, new Metadata()), late);
    SocketAddress address = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
    Caller caller = new Caller(Admission.client(address), () -> connections.hangUp(address));
    ServerCall<Q, A> guarded =
        new SimpleForwardingServerCall<>(call) {
          @Override
          public void close(Status status, Metadata trailers) {
            if (arrival.mayAnswer()) {
              super.close(status, trailers);
            }
          }
        };
    ServerCall.Listener<Q> inner =
        Contexts.interceptCall(Context.current().withValue(CALLER, caller), guarded, headers, next);
    return new SimpleForwardingServerCallListener<>(inner) {
      @Override
      public void onMessage(Q message) {
        try {
          super.onMessage(message);
        } catch (StatusRuntimeException e) {
          arrival.refuse(
              Status.INVALID_ARGUMENT.withDescription(
                  "message: not one of "
                      + call.getMethodDescriptor().getFullMethodName()
                      + " (expected: protobuf as in its .proto file)"));
        }
      }

      @Override
      public void onHalfClose() {
        if (arrival.mayAnswer()) {
          super.onHalfClose();
        }
      }
    };
  }

  private Status tooLate() {
    return Status.DEADLINE_EXCEEDED.withDescription(
        "request: not received in "
            + requestTimeout.toSeconds()
            + " s (expected: a whole request)");
  }
}
