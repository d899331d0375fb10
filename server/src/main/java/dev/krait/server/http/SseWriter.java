package dev.krait.server.http;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Writes server-sent events: each one `data: ` line and a blank line.
///
/// Events may come from several threads; each is sent whole.
public final class SseWriter {
  private static final byte[] PREFIX = "data: ".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] DONE = "data: [DONE]\n\n".getBytes(StandardCharsets.US_ASCII);

  private final HttpExchange exchange;

  SseWriter(HttpExchange exchange) {
    this.exchange = exchange;
  }

  /// Sends one event; blocks while the client reads too slowly.
  ///
  /// @param json one line of JSON, UTF-8
  /// @throws dev.krait.error.EngineException with CANCELLED when the client is gone
  public void event(byte[] json) {
    byte[] event = new byte[PREFIX.length + json.length + 2];
    System.arraycopy(PREFIX, 0, event, 0, PREFIX.length);
    System.arraycopy(json, 0, event, PREFIX.length, json.length);
    event[event.length - 2] = '\n';
    event[event.length - 1] = '\n';
    exchange.send(event);
  }

  /// Sends one event that has a name.
  public void event(String name, byte[] json) {
    byte[] head = ("event: " + name + "\n").getBytes(StandardCharsets.US_ASCII);
    byte[] event = Arrays.copyOf(head, head.length + PREFIX.length + json.length + 2);
    System.arraycopy(PREFIX, 0, event, head.length, PREFIX.length);
    System.arraycopy(json, 0, event, head.length + PREFIX.length, json.length);
    event[event.length - 2] = '\n';
    event[event.length - 1] = '\n';
    exchange.send(event);
  }

  /// Ends the response.
  public void end() {
    exchange.endStream();
  }

  /// Sends `[DONE]` and ends the response.
  public void done() {
    exchange.send(DONE);
    exchange.endStream();
  }
}
