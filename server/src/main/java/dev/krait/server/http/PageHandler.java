package dev.krait.server.http;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;

/// Answers `/` with a page to try the model in: one file, without anything from elsewhere.
final class PageHandler implements HttpHandler {
  private static final String NAME = "page.html";
  private static final Map<String, String> HEADERS =
      Map.of(
          "cache-control", "no-cache",
          "content-security-policy",
              "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
                  + " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
                  + " frame-ancestors 'none'",
          "referrer-policy", "no-referrer",
          "x-content-type-options", "nosniff");

  private final byte[] page;

  PageHandler() {
    try (InputStream in = PageHandler.class.getResourceAsStream(NAME)) {
      if (in == null) {
        throw new IllegalStateException(NAME + ": not among the resources");
      }
      page = in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(NAME + ": unreadable", e);
    }
  }

  @Override
  public void handle(HttpExchange exchange) {
    exchange.respond(200, "text/html; charset=utf-8", page, HEADERS);
  }
}
