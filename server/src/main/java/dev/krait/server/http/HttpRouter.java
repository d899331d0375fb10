package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.service.ApiKeys;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Finds the handler of a request, asks for its key, and turns failures into error responses.
///
/// Immutable once built; shared by every connection.
public final class HttpRouter {
  private static final Logger LOG = LoggerFactory.getLogger(HttpRouter.class);
  private static final String NO_ROUTE = "none";

  private final Map<String, Map<String, Endpoint>> routes;
  private final ApiKeys keys;
  private final WebAccess web;
  private final HttpListener listener;

  private HttpRouter(
      Map<String, Map<String, Endpoint>> routes,
      ApiKeys keys,
      WebAccess web,
      HttpListener listener) {
    this.routes = routes;
    this.keys = keys;
    this.web = web;
    this.listener = listener;
  }

  /// Who may use a route.
  public enum Access {
    /// Everyone, also where the server has keys.
    OPEN,
    /// Who brings one of the server's keys, where it has any.
    API,
    /// Who brings one of the server's admin keys, where it has any, else as the API.
    ADMIN
  }

  /// What answers one method of a path.
  private record Endpoint(Access access, HttpHandler handler) {}

  /// Starts a route table.
  ///
  /// @param keys which requests must bring, but for routes that are open
  /// @param web which web pages may call
  /// @param listener hears of finished exchanges
  public static Builder builder(ApiKeys keys, WebAccess web, HttpListener listener) {
    return new Builder(keys, web, listener);
  }

  /// Collects routes.
  public static final class Builder {
    private final Map<String, Map<String, Endpoint>> routes = new LinkedHashMap<>();
    private final ApiKeys keys;
    private final WebAccess web;
    private final HttpListener listener;

    private Builder(ApiKeys keys, WebAccess web, HttpListener listener) {
      this.keys = keys;
      this.web = web;
      this.listener = listener;
    }

    /// Adds a route; a path that ends in `/*` matches everything below it. GET answers HEAD, too.
    public Builder on(Access access, String method, String path, HttpHandler handler) {
      Map<String, Endpoint> methods = routes.computeIfAbsent(path, _ -> new TreeMap<>());
      methods.put(method, new Endpoint(access, handler));
      if (method.equals("GET")) {
        methods.put("HEAD", new Endpoint(access, handler));
      }
      return this;
    }

    /// The finished table.
    public HttpRouter build() {
      return new HttpRouter(Map.copyOf(routes), keys, web, listener);
    }
  }

  /// The decoded path of a request, without its query.
  ///
  /// @throws EngineException with INVALID_ARGUMENT when its escapes are malformed
  public static String path(HttpExchange exchange) {
    try {
      return new QueryStringDecoder(exchange.target()).path();
    } catch (IllegalArgumentException e) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "path",
          "path: malformed escape (expected: a percent sign and two hex digits)",
          e);
    }
  }

  /// Answers a request; on return the exchange is complete unless the client is gone.
  void handle(HttpExchange exchange) {
    long start = System.nanoTime();
    String route = NO_ROUTE;
    try {
      String path = withoutSlash(path(exchange));
      route = match(path);
      if (!web.answers(exchange)) {
        dispatch(exchange, route, path);
      }
    } catch (EngineException e) {
      fail(exchange, e);
    } catch (Throwable e) {
      LOG.error("request {} {} failed", exchange.method(), exchange.target(), e);
      if (!exchange.isBegun()) {
        exchange.respond(ErrorBody.internal());
      }
    } finally {
      listener.finished(exchange, route, System.nanoTime() - start);
    }
  }

  /// A slash at the end names the same resource.
  private static String withoutSlash(String path) {
    return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
  }

  private String match(String path) {
    if (routes.containsKey(path)) {
      return path;
    }
    for (String pattern : routes.keySet()) {
      if (pattern.endsWith("/*")
          && path.length() > pattern.length() - 1
          && path.startsWith(pattern.substring(0, pattern.length() - 1))) {
        return pattern;
      }
    }
    return NO_ROUTE;
  }

  private void dispatch(HttpExchange exchange, String route, String path) {
    Map<String, Endpoint> methods = routes.get(route);
    if (!isAllowed(exchange, access(methods))) {
      exchange.respond(exchange.key().map(ErrorBody::notAdmin).orElseGet(ErrorBody::unauthorized));
      return;
    }
    if (methods == null) {
      String below = "/v1" + path;
      exchange.respond(
          ErrorBody.unknownPath(
              path, match(below).equals(NO_ROUTE) ? Optional.empty() : Optional.of(below)));
      return;
    }
    Endpoint endpoint = methods.get(exchange.method());
    if (endpoint == null) {
      exchange.respond(
          ErrorBody.wrongMethod(exchange.method(), String.join(", ", methods.keySet())));
      return;
    }
    endpoint.handler().handle(exchange);
  }

  /// Values of `authorization`, or in its place the key that Anthropic's clients send.
  private static List<String> keysOf(HttpExchange exchange) {
    List<String> given = exchange.headers("authorization");
    return given.isEmpty()
        ? exchange.headers("x-api-key").stream().map(key -> "Bearer " + key).toList()
        : given;
  }

  private static void fail(HttpExchange exchange, EngineException failure) {
    if (failure.code() == ErrorCode.INTERNAL) {
      LOG.error("request {} {} failed", exchange.method(), exchange.target(), failure);
    } else {
      LOG.debug("request {} {}: {}", exchange.method(), exchange.target(), failure.getMessage());
    }
    if (!exchange.isBegun()) {
      exchange.respond(ErrorBody.of(failure));
    }
  }

  /// The methods of one path are alike, and a path that does not exist says so to those with a key
  /// only.
  private static Access access(@Nullable Map<String, Endpoint> methods) {
    return methods == null ? Access.API : methods.values().iterator().next().access();
  }

  private boolean isAllowed(HttpExchange exchange, Access access) {
    if (access == Access.OPEN) {
      return true;
    }
    ApiKeys.Verdict verdict = keys.check(keysOf(exchange));
    verdict.key().ifPresent(exchange::useKey);
    return access == Access.ADMIN ? verdict.admin() : verdict.api();
  }
}
