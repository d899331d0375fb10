package dev.krait.server.testing;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.EngineHandle;
import dev.krait.engine.ModelInfo;
import dev.krait.engine.Sessions;
import dev.krait.engine.StepListener;
import dev.krait.generation.TokenIds;
import dev.krait.runner.CacheContents;
import dev.krait.server.KraitServer;
import dev.krait.server.ServedEngine;
import dev.krait.server.ServerConfig;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.server.net.WebNames;
import dev.krait.server.service.ApiKeys;
import dev.krait.service.KeyLimits;
import dev.krait.service.ServedModel;
import dev.krait.session.ModelFingerprint;
import dev.krait.speculation.SpeculationReport;
import dev.krait.testing.InMemoryEngine;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

/// A whole server on free ports, with the shipped tokenizer and a model that recites one text.
public final class TestServer implements AutoCloseable {
  /// What the model recites before its end token.
  public static final String TEXT = "Once upon a time, there was a little snake.";

  /// Longest prompt plus output.
  public static final int MAX_TOKENS = 64;

  private static final int LONG = 1024;

  /// Longer than any test, so that no test depends on how fast the machine is.
  private static final Duration PATIENCE = Duration.ofMinutes(30);

  private static final int ASSISTANT = 3;
  private static final int END = 4;
  private static final int VOCABULARY = 4096;
  private static final int MAX_SEQUENCES = 4;
  private static final int MAX_WAITING = 4;

  private final KraitServer server;
  private final RecitingRunner runner;
  private final AtomicLong skippedNanos;

  private TestServer(KraitServer server, RecitingRunner runner, AtomicLong skippedNanos) {
    this.server = server;
    this.runner = runner;
    this.skippedNanos = skippedNanos;
  }

  /// Starts a server.
  public static TestServer start() {
    return start(UnaryOperator.identity());
  }

  /// Starts a server with another configuration.
  public static TestServer start(UnaryOperator<ServerConfig> change) {
    Path folder = modelFolder();
    RecitingRunner runner = new RecitingRunner(script(folder, TEXT), MAX_SEQUENCES);
    return start(folder, runner, MAX_TOKENS, change);
  }

  /// Starts a server for longer prompts.
  ///
  /// @param folder model folder with a tokenizer like the shipped one
  public static TestServer of(Path folder) {
    List<int[]> script = List.of(script(folder, TEXT));
    RecitingRunner runner = new RecitingRunner(script, ASSISTANT, MAX_SEQUENCES);
    return start(folder, runner, LONG, UnaryOperator.identity());
  }

  /// From now on the model recites one of these texts in each turn of a conversation.
  public void recite(String... texts) {
    Path folder = server.model().folder();
    runner.recite(Arrays.stream(texts).map(text -> script(folder, text)).toList());
  }

  private static TestServer start(
      Path folder, RecitingRunner runner, int maxTokens, UnaryOperator<ServerConfig> change) {
    ServerConfig config =
        ServerConfig.of(
                EngineConfig.of(folder),
                http(PATIENCE),
                new ServerConfig.Grpc(0, true),
                List.of("krait-tiny", "alias"))
            .with(set -> set.drainTimeout = PATIENCE);
    AtomicLong skipped = new AtomicLong();
    LongSupplier clock = () -> System.nanoTime() + skipped.get();
    KraitServer server =
        KraitServer.open(
            change.apply(config),
            (_, steps, plan) -> engine(runner, maxTokens, clock, steps, plan),
            "test",
            _ -> {});
    return new TestServer(server, runner, skipped);
  }

  /// The same configuration, with templates of requests allowed.
  public static ServerConfig trusting(ServerConfig config) {
    return config.with(set -> set.trustRequestTemplates = true);
  }

  /// The same configuration, with a line in the log for each request.
  public static ServerConfig logging(ServerConfig config) {
    return config.with(set -> set.accessLog = true);
  }

  /// The same configuration, with an API key.
  public static ServerConfig guarded(ServerConfig config) {
    return guarded(config, false);
  }

  /// The same configuration, with an API key that `/metrics` does not need.
  public static ServerConfig guardedWithPublicMetrics(ServerConfig config) {
    return guarded(config, true);
  }

  private static ServerConfig guarded(ServerConfig config, boolean publicMetrics) {
    ApiKeys.Source source =
        new ApiKeys.Source("api-key", false, Optional.of("secret"), Optional.empty());
    return config.with(set ->
        set.keys = new ServerConfig.Keys(List.of(source), KeyLimits.Most.none(), publicMetrics));
  }

  /// The same configuration, with priorities of requests allowed.
  public static ServerConfig withPriorities(ServerConfig config) {
    return config.with(set -> set.priorities = true);
  }

  /// The same configuration, with next to no time for a client to send a request.
  public static ServerConfig impatient(ServerConfig config) {
    return config.with(set -> set.http = http(Duration.ofMillis(100)));
  }

  private static HttpServerConfig http(Duration requestTimeout) {
    return HttpServerConfig.of(
        "127.0.0.1",
        0,
        set -> {
          set.maxBodyBytes = 64 << 10;
          set.maxHeaderBytes = 4096;
          set.requestTimeout = requestTimeout;
          set.idleTimeout = PATIENCE;
          set.writeTimeout = PATIENCE;
          set.bodyMemory = Optional.of((long) (1 << 20));
          set.maxConnections = 64;
          set.allowedOrigins = List.of(WebNames.LOCALHOST, "https://chat.example.org");
        });
  }

  /// The model folder that ships with the repository.
  public static Path modelFolder() {
    return repository().resolve("models").resolve("krait-tiny");
  }

  /// The root of the repository.
  public static Path repository() {
    return Path.of(System.getProperty("krait.repo", ".."));
  }

  private static int[] script(Path folder, String text) {
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      int[] ids = tokenizer.encode(text, false);
      int[] script = Arrays.copyOf(ids, ids.length + 1);
      script[ids.length] = END;
      return script;
    }
  }

  private static ServedEngine engine(
      RecitingRunner runner,
      int maxTokens,
      LongSupplier clock,
      StepListener steps,
      Consumer<String> plan) {
    InMemoryEngine engine =
        InMemoryEngine.builder()
            .vocabSize(VOCABULARY)
            .maxModelTokens(maxTokens)
            .maxSequences(MAX_SEQUENCES)
            .maxWaiting(MAX_WAITING)
            .prefixCaching(true)
            .clock(clock)
            .listener(steps)
            .runner(_ -> runner)
            .build();
    engine.pools().layout().describe().forEach(plan);
    engine.start();
    return new RecitingEngine(engine, runner, info(maxTokens));
  }

  private static ModelInfo info(int maxTokens) {
    ModelInfo.SamplingDefaults none =
        new ModelInfo.SamplingDefaults(
            OptionalDouble.empty(),
            OptionalInt.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty());
    return new ModelInfo(
        "Recital", VOCABULARY, maxTokens, TokenIds.of(0, END), none, "exact", "recites a text");
  }

  /// A model for services that are made without a server.
  public static ServedModel served(Tokenizer tokenizer) {
    return new ServedModel(
        List.of("krait-tiny"), modelFolder(), info(MAX_TOKENS), tokenizer, Optional.empty());
  }

  private record RecitingEngine(InMemoryEngine engine, RecitingRunner runner, ModelInfo model)
      implements ServedEngine {
    @Override
    public EngineHandle handle() {
      return engine.handle();
    }

    @Override
    public Sessions sessions() {
      return new Sessions(
          engine.loop(),
          new CacheContents(List.of(), engine.pools().layout()),
          () -> new ModelFingerprint("recited", "none", "exact"));
    }

    @Override
    public String backend() {
      return "memory (it is a test)";
    }

    @Override
    public String memory() {
      return "cache: none";
    }

    @Override
    public int maxConcurrency() {
      return MAX_SEQUENCES;
    }

    @Override
    public int blockTokens() {
      return 16;
    }

    @Override
    public Optional<SpeculationReport> speculation() {
      return Optional.empty();
    }

    @Override
    public void close() {
      runner.release();
      engine.close();
    }
  }

  /// The model.
  public RecitingRunner runner() {
    return runner;
  }

  /// Lets time pass on the engine's clock.
  public void skip(Duration time) {
    skippedNanos.addAndGet(time.toNanos());
  }

  /// The server.
  public KraitServer server() {
    return server;
  }

  /// A client of its HTTP port.
  public HttpCalls http() {
    return new HttpCalls(server.port());
  }

  @Override
  public void close() {
    runner.release();
    server.close();
  }
}
