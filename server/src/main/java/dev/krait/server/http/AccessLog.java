package dev.krait.server.http;

import dev.krait.service.Usage;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Logs one line for each finished exchange, or for each that failed: method, path, status,
/// milliseconds, request id, the name of the key, the tokens of its prompt and answer, and the code
/// of an error with the field at fault, and whether the answer was broken off. Never a query, a
/// header but the id, or a body.
public final class AccessLog implements HttpListener {
  /// Name of the logger.
  public static final String LOGGER = "dev.krait.access";

  private static final Logger LOG = LoggerFactory.getLogger(LOGGER);
  private static final int MAX_SHOWN = 200;
  private static final int FIRST_ERROR = 400;

  private final boolean all;

  /// Creates the listener.
  ///
  /// @param all whether requests that succeed leave a line, too
  public AccessLog(boolean all) {
    this.all = all;
  }

  /// Logs what was refused before it was a request.
  static void refused(ErrorBody error) {
    LOG.info("- - {} error={}", error.status(), error.code());
  }

  @Override
  public void finished(HttpExchange exchange, String route, long nanos) {
    if (!all && exchange.status() < FIRST_ERROR) {
      return;
    }
    Optional<Usage> usage = exchange.usage();
    LOG.info(
        "{} {} {} {} ms id={}{} prompt={} completion={}{}",
        shown(exchange.method()),
        shown(exchange.target().split("[?#]", 2)[0]),
        exchange.status(),
        String.format(Locale.ROOT, "%.1f", nanos / 1e6),
        shown(exchange.requestId()),
        exchange.key().map(name -> " key=" + name).orElse(""),
        usage.map(tokens -> String.valueOf(tokens.promptTokens())).orElse("-"),
        usage.map(tokens -> String.valueOf(tokens.completionTokens())).orElse("-"),
        exchange.error().map(AccessLog::reason).orElse(exchange.isComplete() ? "" : " broken off"));
  }

  private static String reason(ErrorBody error) {
    return " error=" + error.code() + error.param().map(name -> " param=" + shown(name)).orElse("");
  }

  /// What a client sent, of a bounded length and without what could break or forge a line.
  private static String shown(String sent) {
    String safe = sent.replaceAll("[^!-~]", "?");
    return safe.length() <= MAX_SHOWN ? safe : safe.substring(0, MAX_SHOWN) + "...";
  }
}
