package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.error.EngineException;
import dev.krait.reply.ReplyFormat;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.server.net.TlsFiles;
import dev.krait.server.service.ApiKeys;
import dev.krait.service.KeyLimits;
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
  @Mixin private final ModelOptions model;

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
          "Key that requests must bring, but for /health, /ping, /livez and /readyz; `ps` shows it"
              + " to everyone on this machine, a variable or a file does not.")
  private Optional<String> apiKey = Optional.empty();

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description =
          "File of such keys, one a line as KEY or NAME:KEY; read again when it changes and at SIGHUP.")
  private Optional<Path> apiKeyFile = Optional.empty();

  @Option(
      names = "--admin-key",
      paramLabel = "KEY",
      description =
          "Key that /metrics and /load need instead; it opens everything else, too. `ps` shows it.")
  private Optional<String> adminKey = Optional.empty();

  @Option(
      names = "--admin-key-file",
      paramLabel = "FILE",
      description = "File of such keys, as --api-key-file.")
  private Optional<Path> adminKeyFile = Optional.empty();

  @Option(
      names = "--key-concurrency",
      paramLabel = "N",
      description = "Most requests of one key at once; default: no limit.")
  private int keyConcurrency;

  @Option(
      names = "--key-requests-per-minute",
      paramLabel = "N",
      description = "Most requests of one key in a minute; default: no limit.")
  private int keyRequests;

  @Option(
      names = "--key-tokens-per-minute",
      paramLabel = "N",
      description =
          "Most tokens of one key in a minute, of prompts and answers; default: no limit.")
  private int keyTokens;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description =
          "Certificate and those above it, PEM; both ports speak TLS then. Read again when it changes.")
  private Optional<Path> tlsCert = Optional.empty();

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "Private key of --tls-cert, PEM (PKCS#8).")
  private Optional<Path> tlsKey = Optional.empty();

  @Option(
      names = "--tls-client-ca",
      paramLabel = "FILE",
      description = "Certificates that sign those of clients, PEM; every client needs one then.")
  private Optional<Path> tlsClientCa = Optional.empty();

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

  @Option(
      names = "--tool-call-parser",
      paramLabel = "NAME",
      defaultValue = ReplyFormat.AUTO,
      description =
          "How the model writes calls of tools, by vLLM's names such as hermes, none to leave them in the text; default: ${DEFAULT-VALUE}, by the chat template.")
  private String toolCallParser = ReplyFormat.AUTO;

  @Option(
      names = "--reasoning-parser",
      paramLabel = "NAME",
      defaultValue = ReplyFormat.AUTO,
      description =
          "How the model marks its reasoning, by vLLM's names such as qwen3, none to leave it in the text; default: ${DEFAULT-VALUE}, by the chat template.")
  private String reasoningParser = ReplyFormat.AUTO;

  @Option(
      names = "--scheduling-policy",
      paramLabel = "fcfs|priority",
      defaultValue = "fcfs",
      description =
          "Whether requests run in the order of arrival and a priority other than 0 is refused, or"
              + " by priority, lowest first; default: ${DEFAULT-VALUE}.")
  private SchedulingPolicy policy = SchedulingPolicy.FCFS;

  @Option(
      names = "--access-log",
      description = "Logs a line for each HTTP request, not only for those that fail.")
  private boolean accessLog;

  @Option(
      names = "--drain-timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "Seconds that running requests may go on after SIGTERM; default: ${DEFAULT-VALUE}.")
  private int drainSeconds;

  @Option(
      names = "--body-memory",
      paramLabel = "SIZE",
      description =
          "Memory for the bodies of all requests in progress; default: an eighth of the heap.")
  private Optional<ByteSize> bodyMemory = Optional.empty();

  @Option(
      names = "--max-connections",
      paramLabel = "N",
      description =
          "Most HTTP connections; default: half of the descriptors, at most 4096; gRPC has half of them.")
  private Optional<Integer> maxConnections = Optional.empty();

  @Option(
      names = "--client-share",
      paramLabel = "PERCENT",
      defaultValue = "100",
      description =
          "Most of max-sequences + max-waiting for one client address; default: ${DEFAULT-VALUE}. Less keeps places for others.")
  private int clientShare;

  @Option(
      names = "--allowed-origins",
      paramLabel = "ORIGIN",
      split = ",",
      defaultValue = "localhost",
      description =
          "Web pages that may call, such as https://chat.example.org; * for all; default: ${DEFAULT-VALUE}.")
  private List<String> allowedOrigins = List.of("localhost");

  @Option(
      names = "--skip-warm-up",
      description = "Says ready at once; the first requests are slower then.")
  private boolean skipWarmUp;

  @Option(names = "--warm-up", hidden = true, description = "Answers one request, then ends.")
  private boolean warmUp;

  @Mixin private SessionOptions sessions = new SessionOptions();

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

  private final PrintStream out;
  private final PrintStream notes;
  private final String version;

  ServeCommand(ModelOptions model, PrintStream out, PrintStream notes, String version) {
    this.model = model;
    this.out = out;
    this.notes = notes;
    this.version = version;
  }

  @Override
  public Integer call() {
    KraitServer server = KraitServer.open(config(), LoadedEngine::open, version, out::println);
    if (warmUp) {
      StartupBanner.print(out, server, address(), sinceProcessStart());
      boolean answered = WarmUp.answers(server.port());
      server.close();
      return answered ? Exit.OK : Exit.FAILED;
    }
    return untilTheEnd(server);
  }

  /// Waits for a signal or a failure, and ends the server. Further signals hurry.
  private int untilTheEnd(KraitServer server) {
    Thread main = Thread.currentThread();
    CompletableFuture<Optional<Throwable>> end = new CompletableFuture<>();
    var _ = server.failure().thenAccept(failure -> end.complete(Optional.of(failure)));
    StopSignals.handle(
        () -> {
          if (!end.complete(Optional.empty())) {
            main.interrupt();
          }
        },
        server::reloadKeys);
    // Once it says that it is ready, signals are heard.
    StartupBanner.print(out, server, address(), sinceProcessStart());
    Optional<Throwable> failure = end.join();
    int code = Exit.ENGINE_FAILED;
    if (failure.isEmpty()) {
      code = drained(server) ? Exit.OK : Exit.BROKEN_OFF;
    } else {
      notes.println("krait: failed while serving: " + failure.get());
    }
    if (code != Exit.OK) {
      var _ = Thread.interrupted();
      server.breakOff(CLOSE_LIMIT.toNanos());
    }
    close(server);
    out.flush();
    return code;
  }

  private StartupBanner.Address address() {
    return new StartupBanner.Address(tlsCert.isPresent() ? "https" : "http", host);
  }

  private boolean drained(KraitServer server) {
    if (server.unanswered() > 0) {
      out.println("krait: finishing " + server.unanswered() + " requests");
    }
    if (server.drain(TimeUnit.SECONDS.toNanos(drainSeconds))) {
      return true;
    }
    out.println("krait: breaking off " + server.unanswered() + " requests");
    return false;
  }

  /// Closes on a thread that nobody has to wait for: a part that has failed may not let go.
  private void close(KraitServer server) {
    Thread closing = Thread.ofPlatform().daemon().name("krait-close").start(server::close);
    try {
      if (!closing.join(CLOSE_LIMIT)) {
        out.println("krait: closing takes longer than " + CLOSE_LIMIT.toSeconds() + " s; ending");
      }
    } catch (InterruptedException hurry) {
      out.println("krait: ending before everything is closed");
    }
  }

  private ServerConfig config() {
    EngineConfig engine = model.engine(sessions::apply);
    HttpServerConfig http =
        HttpServerConfig.of(
            host,
            port,
            set -> {
              set.maxBodyBytes = maxBodyBytes();
              set.bodyMemory = bodyMemory.map(ByteSize::bytes);
              maxConnections.ifPresent(most -> set.maxConnections = most);
              set.allowedOrigins = allowedOrigins;
              set.tls = tls();
            });
    ServerConfig.Grpc grpc =
        new ServerConfig.Grpc(
            grpcPort.orElse(ServerConfig.Grpc.DEFAULT_PORT), grpcPort.isPresent());
    List<String> served = names.isEmpty() ? List.of(model.servedName()) : names;
    return ServerConfig.of(engine, http, grpc, served)
        .with(set -> {
          set.chatTemplate = model.chatTemplate();
          set.keys = keys();
          set.sessions = sessions.saved();
          set.trustRequestTemplates = trustRequestTemplates;
          set.accessLog = accessLog;
          set.drainTimeout = Duration.ofSeconds(drainSeconds);
          set.clientShare = clientShare;
          set.warmUp = !skipWarmUp && !warmUp;
          set.replies = new ReplyFormat.Names(toolCallParser, reasoningParser);
          set.priorities = policy == SchedulingPolicy.PRIORITY;
        });
  }

  /// An empty key is refused later, and nobody can read it.
  private void warn(String option, Optional<String> key) {
    if (model.isGiven(option) && key.filter(given -> !given.isBlank()).isPresent()) {
      notes.printf(
          "krait: %s can be read by every user of this machine (ps); %s-file or %s cannot%n",
          option, option, Environment.variable(option));
    }
  }

  private ServerConfig.Keys keys() {
    warn("--api-key", apiKey);
    warn("--admin-key", adminKey);
    return new ServerConfig.Keys(
        List.of(
            new ApiKeys.Source("api-key", false, apiKey, apiKeyFile),
            new ApiKeys.Source("admin-key", true, adminKey, adminKeyFile)),
        keyLimits(),
        publicMetrics);
  }

  private KeyLimits.Most keyLimits() {
    KeyLimits.Most limits = new KeyLimits.Most(keyConcurrency, keyRequests, keyTokens);
    if (!limits.isNone() && apiKey.isEmpty() && apiKeyFile.isEmpty()) {
      throw EngineException.invalidArgument(
          "api-key-file", "none", "keys, where one key is limited; --client-share needs none");
    }
    return limits;
  }

  private Optional<TlsFiles> tls() {
    if (tlsCert.isPresent() != tlsKey.isPresent()
        || (tlsClientCa.isPresent() && tlsCert.isEmpty())) {
      throw EngineException.invalidArgument(
          tlsCert.isPresent() ? "tls-key" : "tls-cert",
          "none",
          "--tls-cert and --tls-key together");
    }
    return tlsCert.map(cert -> new TlsFiles(cert, tlsKey.orElseThrow(), tlsClientCa));
  }

  private int maxBodyBytes() {
    if (maxBody.bytes() > Integer.MAX_VALUE) {
      throw EngineException.invalidArgument(
          "max-body", maxBody.bytes(), "at most " + Integer.MAX_VALUE + " bytes");
    }
    return (int) maxBody.bytes();
  }

  private static Duration sinceProcessStart() {
    long started = ManagementFactory.getRuntimeMXBean().getStartTime();
    return Duration.ofMillis(System.currentTimeMillis() - started);
  }
}
