package dev.krait.server.testing;

import dev.krait.cache.CacheDemand;
import dev.krait.cache.CacheLayout;
import dev.krait.cache.CachePlanner;
import dev.krait.cache.CachePools;
import dev.krait.cache.CacheSpec;
import dev.krait.engine.EngineConfig;
import dev.krait.engine.EngineHandle;
import dev.krait.engine.EngineLimits;
import dev.krait.engine.EngineLoop;
import dev.krait.engine.EngineThread;
import dev.krait.engine.ModelInfo;
import dev.krait.engine.StepListener;
import dev.krait.generation.TokenIds;
import dev.krait.scheduler.DraftLengths;
import dev.krait.scheduler.Scheduler;
import dev.krait.scheduler.SchedulerConfig;
import dev.krait.server.KraitServer;
import dev.krait.server.ServedEngine;
import dev.krait.server.ServerConfig;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/// A whole server on free ports, with the shipped tokenizer and a model that recites one text.
public final class TestServer implements AutoCloseable {
  /// What the model recites before its end token.
  public static final String TEXT = "Once upon a time, there was a little snake.";

  /// Longest prompt plus output.
  public static final int MAX_TOKENS = 64;

  private static final int END = 4;
  private static final int VOCABULARY = 4096;
  private static final int MAX_SEQUENCES = 4;
  private static final int MAX_WAITING = 4;

  private final KraitServer server;
  private final ScriptedRunner runner;

  private TestServer(KraitServer server, ScriptedRunner runner) {
    this.server = server;
    this.runner = runner;
  }

  /// Starts a server.
  public static TestServer start() {
    return start(UnaryOperator.identity());
  }

  /// Starts a server with another configuration.
  public static TestServer start(UnaryOperator<ServerConfig> change) {
    Path folder = modelFolder();
    ScriptedRunner runner = new ScriptedRunner(script(folder), MAX_SEQUENCES);
    ServerConfig config =
        new ServerConfig(
            EngineConfig.of(folder),
            shortTimeouts(),
            new ServerConfig.Grpc(0, true),
            List.of("krait-tiny", "alias"),
            Optional.empty(),
            false,
            Duration.ofSeconds(5));
    KraitServer server =
        KraitServer.open(
            change.apply(config), (_, steps, plan) -> engine(runner, steps, plan), "test", _ -> {});
    return new TestServer(server, runner);
  }

  /// The same configuration, with templates of requests allowed.
  public static ServerConfig trusting(ServerConfig config) {
    return new ServerConfig(
        config.engine(),
        config.http(),
        config.grpc(),
        config.names(),
        config.apiKey(),
        true,
        config.drainTimeout());
  }

  /// The same configuration, with an API key.
  public static ServerConfig guarded(ServerConfig config) {
    return new ServerConfig(
        config.engine(),
        config.http(),
        config.grpc(),
        config.names(),
        Optional.of("secret"),
        false,
        config.drainTimeout());
  }

  private static HttpServerConfig shortTimeouts() {
    return new HttpServerConfig(
        "127.0.0.1",
        0,
        64 << 10,
        4096,
        Duration.ofMillis(500),
        Duration.ofSeconds(20),
        Duration.ofSeconds(20));
  }

  /// The model folder that ships with the repository.
  public static Path modelFolder() {
    return Path.of(System.getProperty("krait.repo", ".."), "models", "krait-tiny");
  }

  private static int[] script(Path folder) {
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      int[] text = tokenizer.encode(TEXT, false);
      int[] script = java.util.Arrays.copyOf(text, text.length + 1);
      script[text.length] = END;
      return script;
    }
  }

  private static ServedEngine engine(
      ScriptedRunner runner, StepListener steps, Consumer<String> plan) {
    CacheDemand demand =
        new CacheDemand(
            List.of(new CacheSpec.KvCacheSpec(1, 8, 4)),
            List.of(),
            CacheDemand.BLOCK_TOKENS,
            MAX_SEQUENCES,
            MAX_TOKENS,
            0);
    CacheLayout layout = CachePlanner.plan(demand, 1 << 20);
    layout.describe().forEach(plan);
    CachePools pools = new CachePools(layout);
    Scheduler scheduler =
        new Scheduler(
            new SchedulerConfig(MAX_SEQUENCES, 64, 64, 1, 0),
            pools,
            DraftLengths.fixed(0),
            System::nanoTime);
    EngineLimits limits = new EngineLimits(VOCABULARY, MAX_TOKENS, MAX_SEQUENCES, MAX_WAITING);
    EngineLoop loop =
        new EngineLoop(runner, scheduler, pools, limits, System::nanoTime, steps);
    return new RecitingEngine(loop.handle(), EngineThread.start(loop), runner);
  }

  private record RecitingEngine(EngineHandle handle, EngineThread thread, ScriptedRunner runner)
      implements ServedEngine {
    @Override
    public ModelInfo model() {
      ModelInfo.SamplingDefaults none =
          new ModelInfo.SamplingDefaults(
              OptionalDouble.empty(),
              OptionalInt.empty(),
              OptionalDouble.empty(),
              OptionalDouble.empty(),
              OptionalDouble.empty());
      return new ModelInfo(
          "Recital", VOCABULARY, MAX_TOKENS, TokenIds.of(0, END), none, "recites a text");
    }

    @Override
    public String backend() {
      return "memory (it is a test)";
    }

    @Override
    public int maxConcurrency() {
      return MAX_SEQUENCES;
    }

    @Override
    public Optional<byte[]> speculation() {
      return Optional.empty();
    }

    @Override
    public void close() {
      runner.release();
      thread.close();
    }
  }

  /// The model.
  public ScriptedRunner runner() {
    return runner;
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
