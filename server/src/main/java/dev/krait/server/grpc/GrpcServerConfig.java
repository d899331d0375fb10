package dev.krait.server.grpc;

import java.time.Duration;

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
public record GrpcServerConfig(
    String host,
    int port,
    int maxMessageBytes,
    int maxCallsPerConnection,
    int maxConnections,
    Duration requestTimeout,
    Duration idleTimeout,
    Duration writeTimeout) {

  /// Calls of a connection unless more sequences can run: what RFC 9113 takes for the least.
  public static final int USUAL_CALLS = 100;
}
