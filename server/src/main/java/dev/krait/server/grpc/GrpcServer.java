package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.server.net.Loops;
import dev.krait.server.net.Tls;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.service.TextPool;
import dev.krait.service.Admission;
import dev.krait.service.GenerationService;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionService;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.netty.channel.ServerChannel;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/// A listening gRPC server: inference, health and reflection. It shares nothing with HTTP but the
/// service.
public final class GrpcServer implements AutoCloseable {
  /// How long a connection may be silent before it is asked whether it still lives.
  private static final long KEEP_ALIVE_SECONDS = 60;

  private final Server server;
  private final HealthStatusManager health;
  private final AtomicReference<Optional<InferenceGrpcService.Ready>> service;
  private final Loops loops;
  private final AtomicBoolean terminal = new AtomicBoolean();

  private GrpcServer(
      Server server,
      HealthStatusManager health,
      AtomicReference<Optional<InferenceGrpcService.Ready>> service,
      Loops loops) {
    this.server = server;
    this.health = health;
    this.service = service;
    this.loops = loops;
  }

  /// Binds the address. Health says NOT_SERVING and calls fail with UNAVAILABLE until [#serve].
  ///
  /// @param keys which all calls but those for health must bring
  /// @param admission the door, which counts calls and their memory
  /// @param failed is told when an event loop has ended
  /// @throws EngineException with UNAVAILABLE when the address cannot be bound
  @SuppressWarnings("deprecation") // Many clients ask for the older reflection only.
  public static GrpcServer open(
      GrpcServerConfig config, ApiKeys keys, Admission admission, Consumer<Throwable> failed) {
    ThreadFactory virtual = Thread.ofVirtual().name("grpc-", 0).factory();
    Executor threads = task -> virtual.newThread(task).start();
    Loops loops = Loops.open(failed);
    HealthStatusManager health = new HealthStatusManager();
    AtomicReference<Optional<InferenceGrpcService.Ready>> service =
        new AtomicReference<>(Optional.empty());
    InferenceGrpcService inference =
        new InferenceGrpcService(service::get, threads, admission, config.writeTimeout());
    GrpcConnections connections = new GrpcConnections(config.maxConnections());
    CallInterceptor calls =
        new CallInterceptor(
            admission.bodies(), config.requestTimeout(), connections, loops.group());
    KeyInterceptor guard = new KeyInterceptor(keys);
    WebInterceptor web = new WebInterceptor(config.names());
    Server server =
        builder(config, loops, connections)
            .executor(threads)
            .addStreamTracerFactory(calls)
            .addService(checked(inference, calls, guard, web))
            .addService(checked(health.getHealthService(), calls, web))
            .addService(checked(ProtoReflectionServiceV1.newInstance(), calls, guard, web))
            .addService(checked(ProtoReflectionService.newInstance(), calls, guard, web))
            .build();
    try {
      server.start();
    } catch (IOException e) {
      loops.close();
      throw new EngineException(
          ErrorCode.UNAVAILABLE,
          "grpc-port: "
              + config.port()
              + " on "
              + config.host()
              + " cannot be bound (expected: a free port)",
          e);
    }
    GrpcServer open = new GrpcServer(server, health, service, loops);
    open.status(ServingStatus.NOT_SERVING);
    return open;
  }

  private static NettyServerBuilder builder(
      GrpcServerConfig config, Loops loops, GrpcConnections connections) {
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(new InetSocketAddress(config.host(), config.port()));
    config
        .tls()
        .map(files -> new Tls(files, tls -> GrpcSslContexts.configure(tls, SslProvider.JDK)))
        .ifPresent(builder::sslContext);
    return builder
        .bossEventLoopGroup(loops.group())
        .workerEventLoopGroup(loops.group())
        .channelFactory(() -> {
          ServerChannel listener = loops.newChannel();
          listener.pipeline().addFirst(connections);
          return listener;
        })
        .handshakeTimeout(config.requestTimeout().toMillis(), TimeUnit.MILLISECONDS)
        .maxInboundMessageSize(config.maxMessageBytes())
        .maxConcurrentCallsPerConnection(config.maxCallsPerConnection())
        .maxConnectionIdle(config.idleTimeout().toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
        .permitKeepAliveTime(10, TimeUnit.SECONDS)
        .permitKeepAliveWithoutCalls(true);
  }

  /// A service behind interceptors, the first of which sees messages as bytes.
  private static ServerServiceDefinition checked(
      BindableService service, CallInterceptor first, ServerInterceptor... others) {
    ServerServiceDefinition inner = ServerInterceptors.intercept(service, others);
    return ServerInterceptors.intercept(ServerInterceptors.useInputStreamMessages(inner), first);
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
    server.shutdownNow();
    try {
      var _ = server.awaitTermination(Loops.CLOSE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    loops.close();
  }
}
