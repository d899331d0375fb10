package dev.krait.server;

import dev.krait.engine.EngineStatus;
import dev.krait.engine.Resources;
import dev.krait.engine.StepListener;
import dev.krait.engine.StepStats;
import dev.krait.error.EngineException;
import dev.krait.reply.ReplyFormat;
import dev.krait.server.grpc.GrpcServer;
import dev.krait.server.grpc.GrpcServerConfig;
import dev.krait.server.http.AccessLog;
import dev.krait.server.http.HttpListener;
import dev.krait.server.http.HttpRouter;
import dev.krait.server.http.HttpServer;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.server.http.Routes;
import dev.krait.server.http.WebAccess;
import dev.krait.server.net.WebNames;
import dev.krait.server.observability.EngineMeters;
import dev.krait.server.observability.Metrics;
import dev.krait.server.observability.MetricsHandler;
import dev.krait.server.observability.RequestMeters;
import dev.krait.server.observability.UnsupportedFeatures;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.service.TextPool;
import dev.krait.service.Admission;
import dev.krait.service.BodyMemory;
import dev.krait.service.GenerationListener;
import dev.krait.service.GenerationService;
import dev.krait.service.KeyLimits;
import dev.krait.service.ServedModel;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// The server process without its command line: opens ports first, then the engine, then serves;
/// closes in the reverse order. Any thread may drain or close it.
public final class KraitServer implements AutoCloseable {
  private final HttpServer http;
  private final Optional<GrpcServer> grpc;
  private final Loaded loaded;
  private final CompletableFuture<Throwable> failure;
  private final Resources resources;

  private KraitServer(
      HttpServer http,
      Optional<GrpcServer> grpc,
      Loaded loaded,
      CompletableFuture<Throwable> failure,
      Resources resources) {
    this.http = http;
    this.grpc = grpc;
    this.loaded = loaded;
    this.failure = failure;
    this.resources = resources;
  }

  /// The engine with what belongs to it.
  ///
  /// @param counted lets the meters count steps from now on
  private record Loaded(
      ServedEngine engine, ServedModel model, Routes.Parts parts, Runnable counted) {}

  /// Starts serving.
  ///
  /// @param notes is given lines for people: the memory plan, and what had to be left out
  /// @throws EngineException when a port is taken or the model cannot be loaded
  public static KraitServer open(
      ServerConfig config, ServedEngine.Opener opener, String version, Consumer<String> notes) {
    Resources resources = new Resources();
    Admission admission =
        new Admission(
            config.places(),
            config.placesOfClient(),
            config.priorities(),
            new BodyMemory(config.http().bodyMemory()),
            new KeyLimits(config.keys().limits()));
    ApiKeys keys = new ApiKeys(config.keys().sources());
    Start start =
        new Start(
            config, opener, version, notes, keys, admission, new CompletableFuture<>(), resources);
    try {
      return open(start);
    } catch (Throwable e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  /// What a start is given, and what it makes first.
  ///
  /// @param failure completed when the engine or an event loop fails for good
  private record Start(
      ServerConfig config,
      ServedEngine.Opener opener,
      String version,
      Consumer<String> notes,
      ApiKeys keys,
      Admission admission,
      CompletableFuture<Throwable> failure,
      Resources resources) {}

  private static KraitServer open(Start start) {
    ServerConfig config = start.config();
    Resources resources = start.resources();
    CompletableFuture<Throwable> failure = start.failure();
    // Closed last: answers that are on their way need it.
    Opening<Tokenizer> tokenizer = resources.opened(new Opening<>(Tokenizer::close));
    HttpRouter starting = Routes.starting(WebAccess.of(config.http()));
    HttpServer http =
        resources.opened(
            HttpServer.open(config.http(), starting, start.admission(), failure::complete));
    Opening<GrpcServer> grpcOpening = resources.opened(new Opening<>(GrpcServer::close));
    CompletableFuture<Optional<GrpcServer>> grpcStart =
        CompletableFuture.supplyAsync(() -> openGrpc(start), Opening::background);
    grpcOpening.opens(grpcStart);
    Loaded loaded = load(start, tokenizer);
    Optional<GrpcServer> grpc = joined(grpcStart);
    if (config.warmUp()) {
      warmUp(config, loaded);
    }
    loaded.counted().run();
    grpc.ifPresent(server -> server.serve(loaded.parts().service(), loaded.parts().pool()));
    http.serve(Routes.serving(loaded.parts()));
    var _ = failure.thenAccept(e -> grpc.ifPresent(GrpcServer::stopServing));
    return new KraitServer(http, grpc, loaded, failure, resources);
  }

  /// Answers requests of its own on a port of its own, which no meter counts.
  private static void warmUp(ServerConfig config, Loaded loaded) {
    Routes.Parts parts = loaded.parts();
    Admission admission = new Admission(config.places());
    GenerationService service =
        new GenerationService(
            loaded.model(),
            loaded.engine().handle(),
            admission,
            GenerationListener.none(),
            () -> 0);
    HttpServerConfig own = HttpServerConfig.of("127.0.0.1", 0);
    Routes.Parts quiet = parts.quiet(service);
    try (HttpServer server = HttpServer.open(own, Routes.serving(quiet), admission, _ -> {})) {
      Supplier<EngineStatus> status = parts.status();
      WarmUp.run(
          server.port(),
          loaded.model().template().isPresent(),
          () -> status.get().running() + status.get().waiting() == 0);
    }
  }

  private static Loaded load(Start start, Opening<Tokenizer> tokenizer) {
    ServerConfig config = start.config();
    Path tokens = config.engine().tokens();
    ModelText.requireTokenizer(config.engine().modelFolder(), tokens);
    CompletableFuture<Tokenizer> tokenizerOpening =
        CompletableFuture.supplyAsync(() -> Tokenizer.open(tokens), Opening::background);
    tokenizer.opens(tokenizerOpening.thenApply(Optional::of));
    CompletableFuture<Optional<ChatTemplate>> templateOpening =
        CompletableFuture.supplyAsync(
            () -> ModelText.probed(tokens, config.chatTemplate()), Opening::background);
    CompletableFuture<Metrics> metricsOpening =
        CompletableFuture.supplyAsync(
            () -> new Metrics(config.names().getFirst()), Opening::background);
    CompletableFuture<EngineMeters> steps = new CompletableFuture<>();
    ServedEngine engine =
        start
            .resources()
            .opened(
                start
                    .opener()
                    .open(
                        config.engine(),
                        new Steps(steps, start.failure()),
                        loading(config.engine().modelFolder(), start.notes())));
    Metrics metrics = joined(metricsOpening);
    EngineMeters engineMeters = new EngineMeters(metrics, draftPositions(config));
    registerMeters(metrics, engine, config.engine().prefixCaching());
    RequestMeters meters = new RequestMeters(metrics, engine.model().maxTokens());
    ServedModel model = served(config, engine, joined(tokenizerOpening), joined(templateOpening));
    GenerationService service =
        new GenerationService(
            model,
            engine.handle(),
            start.admission(),
            meters,
            new SecureRandom()::nextLong,
            Optional.of(config.savedSessions(engine.sessions())));
    TextPool pool = start.resources().opened(TextPool.ofHalfTheProcessors(config.places()));
    Routes.Parts parts =
        new Routes.Parts(
            service,
            pool,
            start.admission(),
            engine.handle()::status,
            engine::speculation,
            new MetricsHandler(metrics),
            listener(meters, config.accessLog()),
            WebAccess.of(config.http()),
            start.keys(),
            config.keys().publicMetrics(),
            config.trustRequestTemplates(),
            start.version(),
            InstantSource.system());
    return new Loaded(engine, model, parts, () -> steps.complete(engineMeters));
  }

  private static ServedModel served(
      ServerConfig config,
      ServedEngine engine,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template) {
    return new ServedModel(
        config.names(),
        config.engine().modelFolder(),
        engine.model(),
        tokenizer,
        template,
        ReplyFormat.of(config.replies(), template));
  }

  private static void registerMeters(Metrics metrics, ServedEngine engine, boolean prefixCaching) {
    EngineMeters.registerModel(metrics, engine.model());
    EngineMeters.registerGauges(
        metrics,
        engine.handle()::status,
        engine.maxConcurrency(),
        engine.blockTokens(),
        prefixCaching);
    EngineMeters.registerReasons(metrics, engine::speculation);
    UnsupportedFeatures.register(metrics, InstantSource.system().instant());
  }

  /// Says before the memory plan, which comes once everything is checked, that weights load now.
  private static Consumer<String> loading(Path folder, Consumer<String> notes) {
    AtomicBoolean said = new AtomicBoolean();
    return line -> {
      if (said.compareAndSet(false, true)) {
        notes.accept("krait: loading " + folder);
      }
      notes.accept(line);
    };
  }

  private static HttpListener listener(HttpListener meters, boolean accessLog) {
    AccessLog log = new AccessLog(accessLog);
    return (exchange, route, nanos) -> {
      meters.finished(exchange, route, nanos);
      log.finished(exchange, route, nanos);
    };
  }

  /// Passes steps on to the meters, and a failure to whoever waits for it.
  private record Steps(CompletableFuture<EngineMeters> meters, CompletableFuture<Throwable> failure)
      implements StepListener {
    @Override
    public void stepDone(StepStats stats) {
      if (meters.isDone()) {
        meters.join().stepDone(stats);
      }
    }

    @Override
    public void engineFailed(Throwable cause) {
      failure.complete(cause);
    }
  }

  private static int draftPositions(ServerConfig config) {
    return switch (config.engine().speculation()) {
      case OFF -> 0;
      case NGRAM, DRAFT -> config.engine().draftTokens().orElse(config.engine().maxDraftTokens());
    };
  }

  private static Optional<GrpcServer> openGrpc(Start start) {
    ServerConfig config = start.config();
    int calls = Math.max(GrpcServerConfig.USUAL_CALLS, config.engine().maxSequences());
    HttpServerConfig http = config.http();
    GrpcServerConfig grpc =
        new GrpcServerConfig(
            http.host(),
            config.grpc().port(),
            http.maxBodyBytes(),
            calls,
            http.maxConnections() / 2,
            http.requestTimeout(),
            http.idleTimeout(),
            http.writeTimeout(),
            WebNames.of(http.host(), http.allowedOrigins()),
            http.tls());
    try {
      return Optional.of(
          GrpcServer.open(grpc, start.keys(), start.admission(), start.failure()::complete));
    } catch (EngineException e) {
      if (config.grpc().required()) {
        throw e;
      }
      start.notes().accept("gRPC is off: " + e.getMessage());
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
    return loaded.model();
  }

  /// The engine.
  public ServedEngine engine() {
    return loaded.engine();
  }

  /// The engine at a glance.
  public EngineStatus status() {
    return loaded.engine().handle().status();
  }

  /// Requests whose generations are in progress.
  public int requests() {
    return loaded.parts().admission().requests();
  }

  /// Requests of any kind, over either protocol, that are in progress.
  public int unanswered() {
    return loaded.parts().admission().unanswered();
  }

  /// Reads the file of keys again; one that cannot be read leaves the keys as they are.
  public void reloadKeys() {
    loaded.parts().keys().reload();
  }

  /// Completed with the cause when the engine or an event loop fails for good.
  public CompletableFuture<Throwable> failure() {
    return failure;
  }

  /// Takes no new requests and waits for the running ones; health says 503 meanwhile.
  ///
  /// @param nanos most time to wait
  /// @return false when time ran out first, or the thread was interrupted
  public boolean drain(long nanos) {
    loaded.parts().admission().drain();
    http.serve(Routes.draining(loaded.parts()));
    grpc.ifPresent(GrpcServer::stopServing);
    return loaded.parts().admission().awaitAnswered(nanos);
  }

  /// Ends what still runs with an error that says why, and waits until clients have it.
  ///
  /// @param nanos most time to wait
  public void breakOff(long nanos) {
    loaded.engine().handle().abort("the server is shutting down");
    var _ = loaded.parts().admission().awaitAnswered(nanos);
  }

  @Override
  public void close() {
    resources.close();
  }

  private static <T> T joined(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw e;
      }
    }
  }
}
