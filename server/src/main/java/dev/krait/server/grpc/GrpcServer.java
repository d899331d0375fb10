package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.service.GenerationService;
import dev.krait.server.service.TextPool;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionService;
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
  /// How long a connection may be silent before it is asked whether it still lives.
  private static final long KEEP_ALIVE_SECONDS = 60;

  private final Server server;
  private final HealthStatusManager health;
  private final AtomicReference<Optional<InferenceGrpcService.Ready>> service;
  private final ExecutorService threads;
  private final AtomicBoolean terminal = new AtomicBoolean();

  private GrpcServer(
      Server server,
      HealthStatusManager health,
      AtomicReference<Optional<InferenceGrpcService.Ready>> service,
      ExecutorService threads) {
    this.server = server;
    this.health = health;
    this.service = service;
    this.threads = threads;
  }

  /// Binds the address. Health says NOT_SERVING and calls fail with UNAVAILABLE until [#serve].
  ///
  /// @param keys which all calls but those for health must bring
  /// @throws EngineException with UNAVAILABLE when the address cannot be bound
  @SuppressWarnings("deprecation") // Many clients ask for the older reflection only.
  public static GrpcServer open(GrpcServerConfig config, ApiKeys keys) {
    ExecutorService threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("grpc-", 0).factory());
    HealthStatusManager health = new HealthStatusManager();
    AtomicReference<Optional<InferenceGrpcService.Ready>> service =
        new AtomicReference<>(Optional.empty());
    InferenceGrpcService inference =
        new InferenceGrpcService(service::get, threads, config.writeTimeout());
    KeyInterceptor guard = new KeyInterceptor(keys);
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress(config.host(), config.port()))
            .executor(threads)
            .maxInboundMessageSize(config.maxMessageBytes())
            .maxConcurrentCallsPerConnection(config.maxCallsPerConnection())
            .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
            .permitKeepAliveTime(10, TimeUnit.SECONDS)
            .permitKeepAliveWithoutCalls(true)
            .addService(checked(inference, guard))
            .addService(checked(health.getHealthService()))
            .addService(checked(ProtoReflectionServiceV1.newInstance(), guard))
            .addService(checked(ProtoReflectionService.newInstance(), guard))
            .build();
    try {
      server.start();
    } catch (IOException e) {
      threads.shutdown();
      throw new EngineException(
          ErrorCode.UNAVAILABLE,
          "grpc-port: "
              + config.port()
              + " on "
              + config.host()
              + " cannot be bound (expected: a free port)",
          e);
    }
    GrpcServer open = new GrpcServer(server, health, service, threads);
    open.status(ServingStatus.NOT_SERVING);
    return open;
  }

  /// A service behind interceptors, the first of which sees messages as bytes.
  private static ServerServiceDefinition checked(
      BindableService service, ServerInterceptor... interceptors) {
    ServerServiceDefinition inner = ServerInterceptors.intercept(service, interceptors);
    return ServerInterceptors.intercept(
        ServerInterceptors.useInputStreamMessages(inner), new MessageInterceptor());
  }

  /// The port that it listens on.
  public int port() {
    return server.getPort();
  }

  /// Serves from now on; health says SERVING.
  ///
  /// @param pool where requests are read and prompts encoded
  public void serve(GenerationService ready, TextPool pool) {
    service.set(Optional.of(new InferenceGrpcService.Ready(ready, pool)));
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
