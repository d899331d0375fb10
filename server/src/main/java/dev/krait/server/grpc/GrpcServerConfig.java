package dev.krait.server.grpc;

import dev.krait.server.net.TlsFiles;
import dev.krait.server.net.WebNames;
import java.time.Duration;
import java.util.Optional;

/// What a gRPC server can be told.
///
/// @param host address to listen on
/// @param port port to listen on; 0 picks a free one
/// @param maxMessageBytes longest message of a client
/// @param maxCallsPerConnection most calls that one connection may have open
/// @param maxConnections connections at once; beyond it new ones are closed
/// @param requestTimeout how long a client may take to send one whole request
/// @param idleTimeout how long a connection may stay open without a call
/// @param writeTimeout how long a client may leave an answer unread
/// @param names by which it answers, and pages that may call
/// @param tls files of a server that speaks TLS alone
public record GrpcServerConfig(
    String host,
    int port,
    int maxMessageBytes,
    int maxCallsPerConnection,
    int maxConnections,
    Duration requestTimeout,
    Duration idleTimeout,
    Duration writeTimeout,
    WebNames names,
    Optional<TlsFiles> tls) {

  /// Calls of a connection unless more sequences can run: what RFC 9113 takes for the least.
  public static final int USUAL_CALLS = 100;
}
