package dev.krait.server.http;

/// Hears of every finished exchange, on the request's thread.
@FunctionalInterface
public interface HttpListener {

  /// One exchange is over.
  ///
  /// @param exchange the exchange, valid during the call
  /// @param route path pattern that matched, or `none`
  /// @param nanos from the whole request to the end of the response
  void finished(HttpExchange exchange, String route, long nanos);
}
