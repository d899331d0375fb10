package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.Sessions;
import dev.krait.error.EngineException;
import dev.krait.reply.ReplyFormat;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.server.service.ApiKeys;
import dev.krait.service.KeyLimits;
import dev.krait.service.SessionFolder;
import dev.krait.service.SessionService;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// Everything that a server process can be told.
///
/// @param engine the engine
/// @param http the HTTP server
/// @param grpc the gRPC server
/// @param names what requests may call the model
/// @param chatTemplate file with another chat template than that of the tokenizer's folder
/// @param keys which requests must bring
/// @param trustRequestTemplates whether a request may bring its own chat template
/// @param accessLog whether each HTTP request leaves a line in the log
/// @param drainTimeout how long running requests may go on after the server was asked to stop
/// @param clientShare percentage of the places at the door that one client may have, 1 to 100
/// @param warmUp whether requests of its own run before the server says that it is ready
/// @param priorities whether a request may name a priority of its own
/// @param replies how the model writes calls of tools and reasoning
/// @param sessions where conversations are saved
public record ServerConfig(
    EngineConfig engine,
    HttpServerConfig http,
    Grpc grpc,
    List<String> names,
    Optional<Path> chatTemplate,
    Keys keys,
    boolean trustRequestTemplates,
    boolean accessLog,
    Duration drainTimeout,
    int clientShare,
    boolean warmUp,
    boolean priorities,
    ReplyFormat.Names replies,
    SavedSessions sessions) {

  private static final int ALL = 100;

  /// Which keys requests must bring.
  ///
  /// @param sources of keys for the API and for operators
  /// @param limits how much one key may ask for
  /// @param publicMetrics whether `/metrics` can be read without
  public record Keys(List<ApiKeys.Source> sources, KeyLimits.Most limits, boolean publicMetrics) {
    /// No key is needed.
    public static Keys none() {
      return new Keys(List.of(), KeyLimits.Most.none(), false);
    }
  }

  /// Where conversations are saved.
  ///
  /// @param folder empty when they cannot be
  /// @param maxBytes most bytes of all files
  /// @param lazy whether one is restored when a request names it first
  public record SavedSessions(Optional<Path> folder, long maxBytes, boolean lazy) {
    /// They cannot be saved.
    public static SavedSessions none() {
      return new SavedSessions(Optional.empty(), 0, false);
    }
  }

  /// An engine's sessions with their files.
  SessionService savedSessions(Sessions ofEngine) {
    int most = engine.sessions().maxSessions();
    return new SessionService(
        ofEngine,
        sessions.folder().map(folder -> new SessionFolder(folder, sessions.maxBytes(), most)),
        sessions.lazy());
  }

  /// The gRPC server.
  ///
  /// @param port port to listen on; 0 picks a free one
  /// @param required whether a busy port stops the process; otherwise gRPC is left out
  public record Grpc(int port, boolean required) {
    /// Port unless told otherwise.
    public static final int DEFAULT_PORT = 50_051;

    /// Checks the range.
    public Grpc {
      if (port < 0 || port > 65_535) {
        throw EngineException.invalidArgument("grpc-port", port, "0 to 65535");
      }
    }
  }

  /// A server that needs no key, writes no access log, gives every client all places, refuses
  /// priorities and templates of requests, is ready without a warm-up, and drains for 30 s.
  public static ServerConfig of(
      EngineConfig engine, HttpServerConfig http, Grpc grpc, List<String> names) {
    return new ServerConfig(
        engine,
        http,
        grpc,
        names,
        Optional.empty(),
        Keys.none(),
        false,
        false,
        Duration.ofSeconds(30),
        ALL,
        false,
        false,
        ReplyFormat.Names.auto(),
        SavedSessions.none());
  }

  /// The same but for what is set.
  public ServerConfig with(Consumer<Builder> changes) {
    Builder set = new Builder(this);
    changes.accept(set);
    return new ServerConfig(
        set.engine,
        set.http,
        grpc,
        names,
        set.chatTemplate,
        set.keys,
        set.trustRequestTemplates,
        set.accessLog,
        set.drainTimeout,
        set.clientShare,
        set.warmUp,
        set.priorities,
        set.replies,
        set.sessions);
  }

  /// The components by name.
  public static final class Builder {
    public EngineConfig engine;
    public HttpServerConfig http;
    public Optional<Path> chatTemplate;
    public Keys keys;
    public boolean trustRequestTemplates;
    public boolean accessLog;
    public Duration drainTimeout;
    public int clientShare;
    public boolean warmUp;
    public boolean priorities;
    public ReplyFormat.Names replies;
    public SavedSessions sessions;

    private Builder(ServerConfig from) {
      engine = from.engine;
      http = from.http;
      chatTemplate = from.chatTemplate;
      keys = from.keys;
      trustRequestTemplates = from.trustRequestTemplates;
      accessLog = from.accessLog;
      drainTimeout = from.drainTimeout;
      clientShare = from.clientShare;
      warmUp = from.warmUp;
      priorities = from.priorities;
      replies = from.replies;
      sessions = from.sessions;
    }
  }

  /// Places at the door: sequences that may run or wait.
  int places() {
    return engine.maxSequences() + engine.maxWaiting();
  }

  /// Places that one client may have.
  int placesOfClient() {
    return (int) Math.max(1, (long) places() * clientShare / ALL);
  }

  /// Checks the ranges.
  public ServerConfig {
    names = List.copyOf(names);
    if (names.isEmpty() || names.stream().anyMatch(String::isBlank)) {
      throw EngineException.invalidArgument("served-model-name", names, "names that are not empty");
    }
    if (drainTimeout.isNegative()) {
      throw EngineException.invalidArgument(
          "drain-timeout", drainTimeout.toSeconds(), "0 seconds or more");
    }
    if (clientShare < 1 || clientShare > ALL) {
      throw EngineException.invalidArgument("client-share", clientShare, "1 to 100 percent");
    }
  }
}
