package dev.krait.server;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/// What a server says when it is ready.
final class StartupBanner {
  private StartupBanner() {}

  /// Where the server listens.
  record Address(String scheme, String host) {}

  /// Prints what is served, then that it is, the address on a line of its own, and a line to paste.
  static void print(PrintStream out, KraitServer server, Address address, Duration startup) {
    String host = address.host();
    String shown = host.equals("0.0.0.0") || host.equals("::") ? "127.0.0.1" : host;
    String url =
        address.scheme()
            + "://"
            + (shown.contains(":") ? "[" + shown + "]" : shown)
            + ":"
            + server.port();
    String grpc = server.grpcPort().map(port -> "; gRPC on port " + port).orElse("");
    out.println("model: " + server.model().info().summary());
    out.println("backend: " + server.engine().backend());
    server
        .model()
        .template()
        .ifPresent(_ -> out.println("replies: " + server.model().replies().describe()));
    out.printf(
        Locale.ROOT,
        "%s; up to %d sequences of %d tokens%n",
        server.engine().memory(),
        server.engine().maxConcurrency(),
        server.model().info().maxTokens());
    out.printf(
        Locale.ROOT,
        "krait: %s ready in %.2f s%s%n",
        server.model().name(),
        startup.toMillis() / 1000.0,
        grpc);
    out.println("  " + url);
    out.println("  " + curl(server, url));
    out.flush();
  }

  private static String curl(KraitServer server, String url) {
    boolean chat = server.model().template().isPresent();
    String path = chat ? "/v1/chat/completions" : "/v1/completions";
    String prompt =
        chat
            ? "\"messages\": [{\"role\": \"user\", \"content\": \"Tell me a story about a snake.\"}]"
            : "\"prompt\": \"Once upon a time\"";
    return "curl -N "
        + url
        + path
        + " -H 'Content-Type: application/json' -d '{\"stream\": true, \"max_tokens\": 200, "
        + prompt
        + "}'";
  }
}
