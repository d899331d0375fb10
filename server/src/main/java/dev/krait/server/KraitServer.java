package dev.krait.server;

import dev.krait.engine.EngineStatus;
import dev.krait.engine.StepListener;
import dev.krait.engine.StepStats;
import dev.krait.error.EngineException;
import dev.krait.server.grpc.GrpcServer;
import dev.krait.server.grpc.GrpcServerConfig;
import dev.krait.server.http.AccessLog;
import dev.krait.server.http.HttpListener;
import dev.krait.server.http.HttpRouter;
import dev.krait.server.http.HttpServer;
import dev.krait.server.http.Routes;
import dev.krait.server.observability.AbsentFeatures;
import dev.krait.server.observability.EngineMeters;
import dev.krait.server.observability.Metrics;
import dev.krait.server.observability.MetricsHandler;
import dev.krait.server.observability.RequestMeters;
import dev.krait.server.service.Admission;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.service.GenerationService;
import dev.krait.server.service.ServedModel;
import dev.krait.server.service.TextPool;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The server process without its command line: opens ports first, then the engine, then serves;
/// closes in the reverse order. Any thread may drain or close it.
public final class KraitServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KraitServer.class);

  private final HttpServer http;
  private final Optional<GrpcServer> grpc;
  private final ServedEngine engine;
  private final ServedModel model;
  private final Admission admission;
  private final CompletableFuture<EngineException> failure;
  private final Deque<AutoCloseable> resources;

  private KraitServer(
      HttpServer http, Optional<GrpcServer> grpc, Loaded loaded, Deque<AutoCloseable> resources) {
    this.http = http;
    this.grpc = grpc;
    this.engine = loaded.engine();
    this.model = loaded.model();
    this.admission = loaded.admission();
    this.failure = loaded.failure();
    this.resources = resources;
  }

  /// The engine with what belongs to it.
  private record Loaded(
      ServedEngine engine,
      ServedModel model,
      Admission admission,
      GenerationService service,
      TextPool pool,
      HttpRouter routes,
      CompletableFuture<EngineException> failure) {}

  /// Starts serving.
  ///
  /// @param notes is given lines for people: the memory plan, and what had to be left out
  /// @throws EngineException when a port is taken or the model cannot be loaded
  public static KraitServer open(
      ServerConfig config, ServedEngine.Opener opener, String version, Consumer<String> notes) {
    Deque<AutoCloseable> resources = new ArrayDeque<>();
    try {
      ApiKeys keys = new ApiKeys(config.keys().key(), config.keys().file());
      HttpServer http = kept(HttpServer.open(config.http(), Routes.starting()), resources);
      CompletableFuture<Optional<GrpcServer>> grpcOpening =
          CompletableFuture.supplyAsync(
              () -> openGrpc(config, keys, notes), KraitServer::background);
      Loaded loaded;
      Optional<GrpcServer> grpc;
      try {
        loaded = load(config, keys, opener, version, notes, resources);
      } finally {
        keptWhenOpened(grpcOpening.thenApply(server -> closing(server)), resources);
      }
      grpc = joined(grpcOpening);
      grpc.ifPresent(server -> server.serve(loaded.service(), loaded.pool()));
      http.serve(loaded.routes());
      var _ = loaded.failure().thenAccept(e -> grpc.ifPresent(GrpcServer::stopServing));
      return new KraitServer(http, grpc, loaded, resources);
    } catch (RuntimeException e) {
      closeAll(resources);
      throw e;
    }
  }

  private static Loaded load(
      ServerConfig config,
      ApiKeys keys,
      ServedEngine.Opener opener,
      String version,
      Consumer<String> notes,
      Deque<AutoCloseable> resources) {
    Path folder = config.engine().modelFolder();
    CompletableFuture<Tokenizer> tokenizerOpening =
        CompletableFuture.supplyAsync(() -> Tokenizer.open(folder), KraitServer::background);
    CompletableFuture<Optional<ChatTemplate>> templateOpening =
        CompletableFuture.supplyAsync(() -> openTemplate(folder), KraitServer::background);
    String name = config.names().getFirst();
    CompletableFuture<EngineException> failure = new CompletableFuture<>();
    CompletableFuture<Metrics> metricsOpening =
        CompletableFuture.supplyAsync(() -> new Metrics(name), KraitServer::background);
    CompletableFuture<EngineMeters> steps =
        metricsOpening.thenApply(metrics -> new EngineMeters(metrics, draftPositions(config)));
    ServedEngine engine;
    try {
      engine = kept(opener.open(config.engine(), new Steps(steps, failure), notes), resources);
    } finally {
      keptWhenOpened(tokenizerOpening, resources);
    }
    Metrics metrics = joined(metricsOpening);
    EngineMeters.registerGauges(
        metrics,
        engine.handle()::status,
        engine.maxConcurrency(),
        engine.blockTokens(),
        config.engine().prefixCaching());
    EngineMeters.registerReasons(metrics, engine::speculation);
    AbsentFeatures.register(metrics, InstantSource.system().instant());
    RequestMeters meters = new RequestMeters(metrics, engine.model().maxTokens());
    ServedModel model =
        new ServedModel(
            config.names(),
            folder,
            engine.model(),
            joined(tokenizerOpening),
            joined(templateOpening));
    Admission admission =
        new Admission(config.engine().maxSequences() + config.engine().maxWaiting());
    GenerationService service =
        new GenerationService(
            model, engine.handle(), admission, meters, new SecureRandom()::nextLong);
    int atTheDoor = config.engine().maxSequences() + config.engine().maxWaiting();
    TextPool pool = kept(TextPool.ofHalfTheProcessors(atTheDoor), resources);
    HttpRouter routes =
        Routes.serving(
            new Routes.Parts(
                service,
                pool,
                admission,
                engine.handle()::status,
                engine::speculation,
                new MetricsHandler(metrics),
                listener(meters, config.accessLog()),
                keys,
                config.keys().publicMetrics(),
                config.trustRequestTemplates(),
                version,
                InstantSource.system()));
    return new Loaded(engine, model, admission, service, pool, routes, failure);
  }

  private static HttpListener listener(HttpListener meters, boolean accessLog) {
    if (!accessLog) {
      return meters;
    }
    AccessLog log = new AccessLog();
    return (exchange, route, nanos) -> {
      meters.finished(exchange, route, nanos);
      log.finished(exchange, route, nanos);
    };
  }

  /// Passes steps on to the meters, and a failure to whoever waits for it.
  private record Steps(
      CompletableFuture<EngineMeters> meters, CompletableFuture<EngineException> failure)
      implements StepListener {
    @Override
    public void stepDone(StepStats stats) {
      if (meters.isDone()) {
        meters.join().stepDone(stats);
      }
    }

    @Override
    public void engineFailed(EngineException e) {
      failure.complete(e);
    }
  }

  private static int draftPositions(ServerConfig config) {
    return switch (config.engine().speculation()) {
      case OFF -> 0;
      case NGRAM, DRAFT -> config.engine().draftTokens().orElse(config.engine().maxDraftTokens());
    };
  }

  private static Optional<GrpcServer> openGrpc(
      ServerConfig config, ApiKeys keys, Consumer<String> notes) {
    try {
      return Optional.of(
          GrpcServer.open(
              new GrpcServerConfig(
                  config.http().host(),
                  config.grpc().port(),
                  config.http().maxBodyBytes(),
                  Math.max(GrpcServerConfig.USUAL_CALLS, config.engine().maxSequences()),
                  config.http().writeTimeout()),
              keys));
    } catch (EngineException e) {
      if (config.grpc().required()) {
        throw e;
      }
      notes.accept("gRPC is off: " + e.getMessage());
      return Optional.empty();
    }
  }

  /// Port of HTTP.
  public int port() {
    return http.port();
  }

  /// Port of gRPC, if it is on.
  public Optional<Integer> grpcPort() {
    return grpc.map(GrpcServer::port);
  }

  /// What is served.
  public ServedModel model() {
    return model;
  }

  /// The engine.
  public ServedEngine engine() {
    return engine;
  }

  /// The engine at a glance.
  public EngineStatus status() {
    return engine.handle().status();
  }

  /// Requests that are in progress.
  public int requests() {
    return admission.requests();
  }

  /// Completed when the engine fails for good.
  public CompletableFuture<EngineException> failure() {
    return failure;
  }

  /// Takes no new requests and waits for the running ones; health says 503 meanwhile.
  ///
  /// @param nanos most time to wait
  /// @return false when time ran out first
  public boolean drain(long nanos) {
    admission.drain();
    grpc.ifPresent(GrpcServer::stopServing);
    return admission.awaitEmpty(nanos);
  }

  @Override
  public void close() {
    closeAll(resources);
  }

  private static void closeAll(Deque<AutoCloseable> resources) {
    while (!resources.isEmpty()) {
      try {
        resources.pop().close();
      } catch (Exception e) {
        LOG.warn("closing failed", e);
      }
    }
  }

  private static <T extends AutoCloseable> T kept(T resource, Deque<AutoCloseable> resources) {
    resources.push(resource);
    return resource;
  }

  private static AutoCloseable closing(Optional<GrpcServer> server) {
    return () -> server.ifPresent(GrpcServer::close);
  }

  /// Keeps what opens beside something else; its failure is thrown by whoever joins it.
  private static void keptWhenOpened(
      CompletableFuture<? extends AutoCloseable> opening, Deque<AutoCloseable> resources) {
    try {
      resources.push(opening.join());
    } catch (CompletionException e) {
      LOG.debug("opening failed", e);
    }
  }

  private static <T> T joined(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  /// Opens the template and compiles it behind the start; a first chat that comes sooner waits.
  private static Optional<ChatTemplate> openTemplate(Path folder) {
    Optional<ChatTemplate> template = ChatTemplate.open(folder);
    template.ifPresent(opened -> background(() -> probe(opened)));
    return template;
  }

  private static void probe(ChatTemplate template) {
    try {
      template.probe();
    } catch (EngineException e) {
      LOG.warn("chats will fail: {}", e.getMessage());
    }
  }

  private static void background(Runnable task) {
    Thread.ofPlatform().daemon().name("krait-start").start(task);
  }
}
