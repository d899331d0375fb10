package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.error.EngineException;
import dev.krait.server.http.HttpServerConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// Everything that a server process can be told.
///
/// @param engine the engine
/// @param http the HTTP server
/// @param grpc the gRPC server
/// @param names what requests may call the model
/// @param keys which requests must bring
/// @param trustRequestTemplates whether a request may bring its own chat template
/// @param accessLog whether each HTTP request leaves a line in the log
/// @param drainTimeout how long running requests may go on after the server was asked to stop
public record ServerConfig(
    EngineConfig engine,
    HttpServerConfig http,
    Grpc grpc,
    List<String> names,
    Keys keys,
    boolean trustRequestTemplates,
    boolean accessLog,
    Duration drainTimeout) {

  /// Which keys requests must bring.
  ///
  /// @param key one that the command line names
  /// @param file further ones, one a line
  /// @param publicMetrics whether `/metrics` can be read without
  public record Keys(Optional<String> key, Optional<Path> file, boolean publicMetrics) {
    /// No key is needed.
    public static Keys none() {
      return new Keys(Optional.empty(), Optional.empty(), false);
    }
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
  }
}
