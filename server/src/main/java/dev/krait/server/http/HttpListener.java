package dev.krait.server.http;

/// Hears of every finished exchange, on the request's thread.
@FunctionalInterface
public interface HttpListener {

  /// One exchange is over.
  ///
  /// @param route path pattern that matched, or `none`
  /// @param method request method
  /// @param status response status
  /// @param nanos from the whole request to the end of the response
  void finished(String route, String method, int status, long nanos);
}
