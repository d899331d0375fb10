package dev.krait.server.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// HTTP as tests speak it: whole calls, streams, and raw bytes.
public final class HttpCalls {
  private static final HttpClient CLIENT =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /// A read cannot be interrupted, so it ends by itself: later than on any machine that works.
  private static final int READ_MILLIS = 600_000;

  private final int port;

  /// A client of a port on this machine.
  public HttpCalls(int port) {
    this.port = port;
  }

  /// A response.
  ///
  /// @param status its status
  /// @param raw the response itself
  public record Reply(int status, HttpResponse<String> raw) {
    /// Its body.
    public String text() {
      return raw.body();
    }

    /// Its body as JSON.
    public JsonNode json() {
      return JsonMapper.shared().readTree(raw.body());
    }

    /// One header.
    public String header(String name) {
      return raw.headers().firstValue(name).orElse("");
    }

    /// The data of its events, in order.
    public List<String> events() {
      List<String> events = new ArrayList<>();
      for (String event : raw.body().split("\n\n", -1)) {
        if (!event.isEmpty()) {
          events.add(event.substring("data: ".length()));
        }
      }
      return events;
    }

    /// The JSON events, without `[DONE]`.
    public List<JsonNode> chunks() {
      return events().stream()
          .filter(event -> !event.equals("[DONE]"))
          .map(event -> JsonMapper.shared().readTree(event))
          .toList();
    }
  }

  /// GET.
  public Reply get(String path, String... headers) {
    return call("GET", path, "", headers);
  }

  /// POST of JSON; single quotes stand for double ones.
  public Reply post(String path, String json, String... headers) {
    return call("POST", path, json.replace('\'', '"'), headers);
  }

  /// Any call.
  public Reply call(String method, String path, String body, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    try {
      HttpResponse<String> response =
          CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
      return new Reply(response.statusCode(), response);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /// Opens a raw connection.
  public Raw raw() {
    try {
      Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
      socket.setSoTimeout(READ_MILLIS);
      return new Raw(socket);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A raw connection.
  ///
  /// @param socket its socket
  public record Raw(Socket socket) implements AutoCloseable {
    /// Sends text as it is.
    public Raw send(String text) {
      try {
        OutputStream out = socket.getOutputStream();
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
        return this;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /// Sends a POST of JSON; single quotes stand for double ones.
    public Raw post(String path, String json) {
      String body = json.replace('\'', '"');
      return send(
          "POST "
              + path
              + " HTTP/1.1\r\nHost: test\r\nContent-Length: "
              + body.length()
              + "\r\n\r\n"
              + body);
    }

    /// Reads until the text ends with a given end, or the peer closes.
    public String readUntil(String end) {
      StringBuilder text = new StringBuilder();
      try {
        InputStream in = socket.getInputStream();
        while (!text.toString().endsWith(end)) {
          int next = in.read();
          if (next < 0) {
            break;
          }
          text.append((char) next);
        }
        return text.toString();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /// Reads until the peer closes.
    public String readAll() {
      return readUntil("\u0000never");
    }

    @Override
    public void close() {
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
