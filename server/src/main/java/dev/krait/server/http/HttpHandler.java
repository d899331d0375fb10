package dev.krait.server.http;

/// Answers one kind of request, on the request's own virtual thread.
@FunctionalInterface
public interface HttpHandler {

  /// Answers the exchange, by one response or one stream.
  ///
  /// @throws dev.krait.error.EngineException which becomes the error response, unless a response
  ///   has begun
  void handle(HttpExchange exchange);
}
