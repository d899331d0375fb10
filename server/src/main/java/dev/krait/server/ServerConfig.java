package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.error.EngineException;
import dev.krait.server.http.HttpServerConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// Everything that a server process can be told.
///
/// @param engine the engine
/// @param http the HTTP server
/// @param grpc the gRPC server
/// @param names what requests may call the model
/// @param apiKey key that requests must bring
/// @param trustRequestTemplates whether a request may bring its own chat template
/// @param accessLog whether each HTTP request leaves a line in the log
/// @param drainTimeout how long running requests may go on after the server was asked to stop
/// @param clientShare percentage of the places at the door that one client may have, 1 to 100
/// @param warmUp whether requests of its own run before the server says that it is ready
/// @param priorities whether a request may name a priority of its own
public record ServerConfig(
    EngineConfig engine,
    HttpServerConfig http,
    Grpc grpc,
    List<String> names,
    Optional<String> apiKey,
    boolean trustRequestTemplates,
    boolean accessLog,
    Duration drainTimeout,
    int clientShare,
    boolean warmUp,
    boolean priorities) {

  /// A server without a warm-up, with all places for whoever asks.
  public ServerConfig(
      EngineConfig engine,
      HttpServerConfig http,
      Grpc grpc,
      List<String> names,
      Optional<String> apiKey,
      boolean trustRequestTemplates,
      boolean accessLog,
      Duration drainTimeout) {
    this(
        engine,
        http,
        grpc,
        names,
        apiKey,
        trustRequestTemplates,
        accessLog,
        drainTimeout,
        ALL,
        false,
        false);
  }

  private static final int ALL = 100;

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
    if (apiKey.filter(String::isBlank).isPresent()) {
      throw EngineException.invalidArgument(
          "api-key", "empty", "a key; is a variable unset? Without the option none is needed");
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
