package dev.krait.server.observability;

import dev.krait.server.http.HttpExchange;
import dev.krait.server.http.HttpHandler;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/// Answers `/metrics`.
public final class MetricsHandler implements HttpHandler {
  private final Metrics metrics;

  /// Creates the handler of a registry.
  public MetricsHandler(Metrics metrics) {
    this.metrics = metrics;
  }

  @Override
  public void handle(HttpExchange exchange) {
    Metrics.Scrape scrape = metrics.scrape(exchange.header("accept"));
    byte[] text = scrape.text().getBytes(StandardCharsets.UTF_8);
    exchange.respond(200, scrape.contentType(), text, Map.of());
  }
}
