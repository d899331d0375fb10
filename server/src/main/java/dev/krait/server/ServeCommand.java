package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.http.HttpServerConfig;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Serves a model over HTTP and gRPC until the process is asked to stop.
@Command(
    name = "serve",
    description = "Serves a model over HTTP and gRPC.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ServeCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--host",
      paramLabel = "H",
      defaultValue = "127.0.0.1",
      description = "Address to listen on; default: ${DEFAULT-VALUE}.")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "8000",
      description = "Port of HTTP, 0 picks a free one; default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(
      names = "--grpc-port",
      paramLabel = "N",
      description = "Port of gRPC, 0 picks a free one; default: 50051, left out when that is busy.")
  private Optional<Integer> grpcPort = Optional.empty();

  @Option(
      names = "--served-model-name",
      paramLabel = "NAME",
      split = ",",
      description = "What requests may call the model; default: the name of its folder.")
  private List<String> names = List.of();

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description =
          "Key that requests must bring, but for /health and /ping; `ps` shows it to everyone on"
              + " this machine, a variable or a file does not.")
  private Optional<String> apiKey = Optional.empty();

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description = "File of such keys, one a line; read again when it changes.")
  private Optional<Path> apiKeyFile = Optional.empty();

  @Option(names = "--public-metrics", description = "Lets /metrics be read without a key.")
  private boolean publicMetrics;

  @Option(
      names = "--max-body",
      paramLabel = "SIZE",
      defaultValue = "4MiB",
      description = "Longest request body; default: ${DEFAULT-VALUE}.")
  private ByteSize maxBody = new ByteSize(4 << 20);

  @Option(
      names = "--trust-request-chat-template",
      description = "Lets requests bring their own chat template.")
  private boolean trustRequestTemplates;

  @Option(names = "--access-log", description = "Logs a line for each HTTP request.")
  private boolean accessLog;

  @Option(
      names = "--drain-timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "Seconds that running requests may go on after SIGTERM; default: ${DEFAULT-VALUE}.")
  private int drainSeconds;

  @Option(names = "--warm-up", hidden = true, description = "Answers one request, then ends.")
  private boolean warmUp;

  private final PrintStream out;
  private final String version;

  ServeCommand(PrintStream out, String version) {
    this.out = out;
    this.version = version;
  }

  @Override
  public Integer call() {
    KraitServer server;
    try {
      server = KraitServer.open(config(), LoadedEngine::open, version, out::println);
    } catch (EngineException e) {
      out.println("krait: " + e.getMessage());
      return e.code() == ErrorCode.UNAVAILABLE ? Exit.PORT_TAKEN : Exit.FAILED;
    }
    Announcement.print(out, server, host, sinceProcessStart());
    if (warmUp) {
      boolean answered = WarmUp.answers(server.port());
      server.close();
      return answered ? Exit.OK : Exit.FAILED;
    }
    CompletableFuture<Integer> ended = new CompletableFuture<>();
    Thread hook = Thread.ofPlatform().unstarted(() -> drainAndHalt(server, ended));
    Runtime.getRuntime().addShutdownHook(hook);
    EngineException failure = server.failure().join();
    out.println("krait: the engine failed: " + failure.getMessage());
    ended.complete(Exit.ENGINE_FAILED);
    return Exit.ENGINE_FAILED;
  }

  /// Ends the process from its shutdown hook, because a signal would give it another exit code.
  private void drainAndHalt(KraitServer server, CompletableFuture<Integer> ended) {
    int code = ended.getNow(Exit.OK);
    if (code == Exit.OK && server.requests() > 0) {
      out.println("krait: finishing " + server.requests() + " requests");
    }
    boolean drained = server.drain(TimeUnit.SECONDS.toNanos(code == Exit.OK ? drainSeconds : 0));
    if (!drained && code == Exit.OK) {
      out.println("krait: broke off " + server.requests() + " requests");
    }
    server.close();
    out.flush();
    Runtime.getRuntime().halt(code);
  }

  private ServerConfig config() {
    EngineConfig engine = model.engine();
    HttpServerConfig usual = HttpServerConfig.of(host, port);
    HttpServerConfig http =
        new HttpServerConfig(
            host,
            port,
            (int) Math.min(maxBody.bytes(), Integer.MAX_VALUE),
            usual.maxHeaderBytes(),
            usual.requestTimeout(),
            usual.idleTimeout(),
            usual.writeTimeout());
    return new ServerConfig(
        engine,
        http,
        new ServerConfig.Grpc(
            grpcPort.orElse(ServerConfig.Grpc.DEFAULT_PORT), grpcPort.isPresent()),
        names.isEmpty() ? List.of(folderName(model.modelFolder())) : names,
        new ServerConfig.Keys(apiKey, apiKeyFile, publicMetrics),
        trustRequestTemplates,
        accessLog,
        Duration.ofSeconds(drainSeconds));
  }

  private static Duration sinceProcessStart() {
    long started = ManagementFactory.getRuntimeMXBean().getStartTime();
    return Duration.ofMillis(System.currentTimeMillis() - started);
  }

  private static String folderName(Path folder) {
    Path name = folder.toAbsolutePath().normalize().getFileName();
    return name == null ? "model" : name.toString();
  }
}
