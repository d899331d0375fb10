package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.server.service.GenerationService;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/// A listening gRPC server: inference, health and reflection. It shares nothing with HTTP but the
/// service.
public final class GrpcServer implements AutoCloseable {
  private static final int MAX_MESSAGE_BYTES = 4 << 20;

  private final Server server;
  private final HealthStatusManager health;
  private final AtomicReference<Optional<GenerationService>> service;
  private final ExecutorService threads;
  private final AtomicBoolean terminal = new AtomicBoolean();

  private GrpcServer(
      Server server,
      HealthStatusManager health,
      AtomicReference<Optional<GenerationService>> service,
      ExecutorService threads) {
    this.server = server;
    this.health = health;
    this.service = service;
    this.threads = threads;
  }

  /// Binds the address. Health says NOT_SERVING and calls fail with UNAVAILABLE until [#serve].
  ///
  /// @param port port to listen on; 0 picks a free one
  /// @param apiKey key that inference calls must bring; empty lets everyone in
  /// @throws EngineException with UNAVAILABLE when the address cannot be bound
  public static GrpcServer open(String host, int port, Optional<String> apiKey) {
    ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("grpc-", 0).factory());
    HealthStatusManager health = new HealthStatusManager();
    AtomicReference<Optional<GenerationService>> service = new AtomicReference<>(Optional.empty());
    InferenceGrpcService inference = new InferenceGrpcService(service::get, threads);
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress(host, port))
            .executor(threads)
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .permitKeepAliveTime(10, TimeUnit.SECONDS)
            .permitKeepAliveWithoutCalls(true)
            .addService(ServerInterceptors.intercept(inference, new KeyInterceptor(apiKey)))
            .addService(health.getHealthService())
            .addService(ProtoReflectionServiceV1.newInstance())
            .build();
    try {
      server.start();
    } catch (IOException e) {
      threads.shutdown();
      throw new EngineException(
          ErrorCode.UNAVAILABLE,
          "grpc-port: " + port + " on " + host + " cannot be bound (expected: a free port)",
          e);
    }
    GrpcServer open = new GrpcServer(server, health, service, threads);
    open.status(ServingStatus.NOT_SERVING);
    return open;
  }

  /// The port that it listens on.
  public int port() {
    return server.getPort();
  }

  /// Serves from now on; health says SERVING.
  public void serve(GenerationService ready) {
    service.set(Optional.of(ready));
    status(ServingStatus.SERVING);
  }

  private void status(ServingStatus status) {
    health.setStatus(InferenceServiceGrpc.SERVICE_NAME, status);
    health.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, status);
  }

  /// Health says NOT_SERVING from now on, whatever happens.
  public void stopServing() {
    if (terminal.compareAndSet(false, true)) {
      health.enterTerminalState();
    }
  }

  /// Stops listening and breaks off whatever still runs.
  @Override
  public void close() {
    stopServing();
    server.shutdown();
    try {
      if (!server.awaitTermination(1, TimeUnit.SECONDS)) {
        server.shutdownNow();
      }
    } catch (InterruptedException e) {
      server.shutdownNow();
      Thread.currentThread().interrupt();
    }
    threads.shutdown();
  }
}
