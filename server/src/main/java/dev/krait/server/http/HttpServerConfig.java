package dev.krait.server.http;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.krait.error.EngineException;
import dev.krait.server.net.TlsFiles;
import dev.krait.server.net.WebNames;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// Limits of the HTTP server.
///
/// @param host address to listen on
/// @param port port to listen on; 0 picks a free one
/// @param maxBodyBytes longest request body; longer ones are refused with 413
/// @param maxHeaderBytes longest header section; longer ones are refused with 431
/// @param requestTimeout how long a client may take to send one whole request
/// @param idleTimeout how long a connection may stay open between requests
/// @param writeTimeout how long a client may leave bytes unread before it counts as gone
/// @param bodyMemory bytes of the bodies of all requests in progress; more are refused with 503
/// @param maxConnections connections at once; beyond it the longest idle one is closed
/// @param allowedOrigins origins of web pages that may call; see [WebAccess]
/// @param tls files of a server that speaks TLS alone
public record HttpServerConfig(
    String host,
    int port,
    int maxBodyBytes,
    int maxHeaderBytes,
    Duration requestTimeout,
    Duration idleTimeout,
    Duration writeTimeout,
    long bodyMemory,
    int maxConnections,
    List<String> allowedOrigins,
    Optional<TlsFiles> tls) {
  /// A connection may hold a header of 32 KiB: this many hold 128 MiB.
  private static final int MAX_CONNECTIONS = 4096;

  private static final int MIN_CONNECTIONS = 16;

  /// Of jars, libraries and loops, about 110, and of connections that are on their way in or out.
  private static final int OTHER_DESCRIPTORS = 200;

  /// Checks the ranges.
  public HttpServerConfig {
    if (port < 0 || port > 65_535) {
      throw EngineException.invalidArgument("port", port, "0 to 65535");
    }
    if (maxBodyBytes < 1024) {
      throw EngineException.invalidArgument("max-body", maxBodyBytes, "1024 bytes or more");
    }
    if (bodyMemory < 2L * maxBodyBytes) {
      throw EngineException.invalidArgument(
          "body-memory", bodyMemory, "twice max-body, " + 2L * maxBodyBytes + ", or more");
    }
    if (maxConnections < MIN_CONNECTIONS) {
      throw EngineException.invalidArgument(
          "max-connections", maxConnections, MIN_CONNECTIONS + " or more");
    }
    allowedOrigins = List.copyOf(allowedOrigins);
  }

  /// Usual limits: bodies up to 4 MiB that may take an eighth of the heap together, headers up to
  /// 32 KiB, 30 s for a request, 75 s idle, pages of this machine.
  public static HttpServerConfig of(String host, int port) {
    return of(host, port, _ -> {});
  }

  /// Usual limits, but for what is set.
  public static HttpServerConfig of(String host, int port, Consumer<Builder> changes) {
    Builder set = new Builder();
    changes.accept(set);
    return new HttpServerConfig(
        host,
        port,
        set.maxBodyBytes,
        set.maxHeaderBytes,
        set.requestTimeout,
        set.idleTimeout,
        set.writeTimeout,
        set.bodyMemory.orElse(
            Math.max(Runtime.getRuntime().maxMemory() / 8, 2L * set.maxBodyBytes)),
        set.maxConnections,
        set.allowedOrigins,
        set.tls);
  }

  /// The components by name, each with its usual value.
  public static final class Builder {
    public int maxBodyBytes = 4 << 20;
    public int maxHeaderBytes = 32 << 10;
    public Duration requestTimeout = Duration.ofSeconds(30);
    public Duration idleTimeout = Duration.ofSeconds(75);
    public Duration writeTimeout = Duration.ofSeconds(60);

    /// Empty takes an eighth of the heap, but room for two of the longest bodies.
    public Optional<Long> bodyMemory = Optional.empty();

    public int maxConnections = defaultConnections();
    public List<String> allowedOrigins = List.of(WebNames.LOCALHOST);
    public Optional<TlsFiles> tls = Optional.empty();

    private Builder() {}
  }

  /// Half of the descriptors that the process may have, without the first 200: gRPC has half as
  /// many connections, and files keep the rest.
  private static int defaultConnections() {
    long descriptors =
        ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
            ? system.getMaxFileDescriptorCount()
            : Long.MAX_VALUE;
    return Math.clamp((descriptors - OTHER_DESCRIPTORS) / 2, MIN_CONNECTIONS, MAX_CONNECTIONS);
  }
}
