package dev.krait.server;

import dev.krait.engine.EngineStatus;
import dev.krait.engine.StepListener;
import dev.krait.engine.StepStats;
import dev.krait.error.EngineException;
import dev.krait.server.grpc.GrpcServer;
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
import dev.krait.server.service.GenerationService;
import dev.krait.server.service.ServedModel;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.nio.file.Files;
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
      HttpServer http = kept(HttpServer.open(config.http(), Routes.starting()), resources);
      CompletableFuture<Optional<GrpcServer>> grpcOpening =
          CompletableFuture.supplyAsync(() -> openGrpc(config, notes), KraitServer::background);
      Loaded loaded;
      Optional<GrpcServer> grpc;
      try {
        loaded = load(config, opener, version, notes, resources);
      } finally {
        keptWhenOpened(grpcOpening.thenApply(server -> closing(server)), resources);
      }
      grpc = joined(grpcOpening);
      grpc.ifPresent(server -> server.serve(loaded.service()));
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
      ServedEngine.Opener opener,
      String version,
      Consumer<String> notes,
      Deque<AutoCloseable> resources) {
    Path folder = config.engine().modelFolder();
    requireTokenizer(folder);
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
      keptWhenOpened(metricsOpening, resources);
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
        new Admission(
            config.engine().maxSequences() + config.engine().maxWaiting(), config.priorities());
    GenerationService service =
        new GenerationService(
            model, engine.handle(), admission, meters, new SecureRandom()::nextLong);
    HttpRouter routes =
        Routes.serving(
            new Routes.Parts(
                service,
                admission,
                engine.handle()::status,
                engine::speculation,
                new MetricsHandler(metrics),
                listener(meters, config.accessLog()),
                config.apiKey(),
                config.trustRequestTemplates(),
                version,
                InstantSource.system()));
    return new Loaded(engine, model, admission, service, routes, failure);
  }

  /// Says it before weights are loaded; what is no model folder at all is the engine's to refuse.
  private static void requireTokenizer(Path folder) {
    if (Files.exists(folder.resolve("config.json"))) {
      Tokenizer.requireFile(folder);
    }
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

  private static Optional<GrpcServer> openGrpc(ServerConfig config, Consumer<String> notes) {
    try {
      return Optional.of(
          GrpcServer.open(config.http().host(), config.grpc().port(), config.apiKey()));
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
