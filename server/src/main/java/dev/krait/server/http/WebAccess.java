package dev.krait.server.http;

import dev.krait.server.net.WebNames;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// Which web pages may call this server from a browser. Immutable.
///
/// A page of an allowed origin gets the headers of the Fetch standard's CORS protocol. Every other
/// page can send only what a browser sends without asking, and of that nothing is acted on: a body
/// has to be declared as JSON, and a server on a loopback address answers to no public name, which
/// a page could have pointed at it (DNS rebinding).
public final class WebAccess {
  private static final String METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
  private static final String REQUEST_HEADERS = "authorization, content-type, x-request-id";
  private static final String FORM = "application/x-www-form-urlencoded";
  private static final String ONE_DAY = "86400";

  private final WebNames names;

  private WebAccess(WebNames names) {
    this.names = names;
  }

  /// The rules of a server.
  public static WebAccess of(HttpServerConfig config) {
    return new WebAccess(WebNames.of(config.host(), config.allowedOrigins()));
  }

  /// Applies the rules: adds the headers that the answer has to carry, and answers what goes no
  /// further.
  ///
  /// @return true when it has answered
  boolean answers(HttpExchange exchange) {
    String host = exchange.host().toLowerCase(Locale.ROOT);
    if (!names.isOwnName(host)) {
      exchange.respond(
          ErrorBody.protocol(
              403, "host: " + host + " (expected: " + names.expected() + ")", "host_not_allowed"));
      return true;
    }
    Optional<String> origin = exchange.header("origin");
    boolean welcome = origin.filter(names::isAllowed).isPresent();
    if (welcome) {
      exchange.addHeader("access-control-allow-origin", origin.orElseThrow());
      exchange.addHeader("access-control-expose-headers", "x-request-id, retry-after");
      exchange.addHeader("vary", "origin");
    }
    if (origin.isPresent()
        && exchange.method().equals("OPTIONS")
        && exchange.header("access-control-request-method").isPresent()) {
      preflight(exchange, origin.get(), welcome);
      return true;
    }
    boolean fromPage = origin.isPresent() || exchange.header("sec-fetch-site").isPresent();
    return refusesMedia(exchange, fromPage);
  }

  private static void preflight(HttpExchange exchange, String origin, boolean welcome) {
    if (!welcome) {
      exchange.respond(
          ErrorBody.protocol(
              403, "origin: " + origin + " (expected: one of --allowed-origins)", "origin"));
      return;
    }
    String asked = exchange.header("access-control-request-headers").orElse("");
    exchange.addHeader("access-control-allow-methods", METHODS);
    exchange.addHeader("access-control-allow-headers", asked.isBlank() ? REQUEST_HEADERS : asked);
    exchange.addHeader("access-control-max-age", ONE_DAY);
    exchange.respond(204, HttpExchange.JSON, new byte[0], Map.of());
  }

  /// A body without a type, or with the one that curl gives to every body, is taken from programs,
  /// not from web pages.
  private static boolean refusesMedia(HttpExchange exchange, boolean fromPage) {
    if (!exchange.method().equals("POST") || exchange.body().length == 0) {
      return false;
    }
    Optional<String> type = exchange.header("content-type");
    String media = type.orElse("").split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    if (media.equals(HttpExchange.JSON) || (!fromPage && (type.isEmpty() || media.equals(FORM)))) {
      return false;
    }
    exchange.respond(
        ErrorBody.protocol(
            415,
            "content-type: " + type.orElse("none") + " (expected: " + HttpExchange.JSON + ")",
            "unsupported_media"));
    return true;
  }
}
