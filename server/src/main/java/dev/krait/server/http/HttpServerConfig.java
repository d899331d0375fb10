package dev.krait.server.http;

import dev.krait.error.EngineException;
import java.time.Duration;

/// Limits of the HTTP server.
///
/// @param host address to listen on
/// @param port port to listen on; 0 picks a free one
/// @param maxBodyBytes longest request body; longer ones are refused with 413
/// @param maxHeaderBytes longest header section; longer ones are refused with 431
/// @param requestTimeout how long a client may take to send one whole request
/// @param idleTimeout how long a connection may stay open between requests
/// @param writeTimeout how long a client may leave bytes unread before it counts as gone
public record HttpServerConfig(
    String host,
    int port,
    int maxBodyBytes,
    int maxHeaderBytes,
    Duration requestTimeout,
    Duration idleTimeout,
    Duration writeTimeout) {

  /// Checks the ranges.
  public HttpServerConfig {
    if (port < 0 || port > 65_535) {
      throw EngineException.invalidArgument("port", port, "0 to 65535");
    }
    if (maxBodyBytes < 1024) {
      throw EngineException.invalidArgument("max-body", maxBodyBytes, "1024 bytes or more");
    }
  }

  /// Usual limits: bodies up to 4 MiB, headers up to 32 KiB, 30 s for a request, 75 s idle.
  public static HttpServerConfig of(String host, int port) {
    return new HttpServerConfig(
        host,
        port,
        4 << 20,
        32 << 10,
        Duration.ofSeconds(30),
        Duration.ofSeconds(75),
        Duration.ofSeconds(60));
  }
}
