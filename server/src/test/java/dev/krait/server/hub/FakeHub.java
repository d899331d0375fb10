package dev.krait.server.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/// A hub on this machine with one model, and beside it the server of another origin that holds its
/// weights. What goes wrong is said beforehand: the next requests for a path take it from a queue.
final class FakeHub implements AutoCloseable {
  static final String ID = "owner/name";

  private final HttpServer hub;
  private final HttpServer store;
  private final Map<String, byte[]> files = new TreeMap<>();
  private final Map<String, Deque<Fault>> faults = new ConcurrentHashMap<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private volatile String commit = "1".repeat(40);

  /// What came in.
  ///
  /// @param server hub or store
  /// @param range its range, or nothing
  /// @param authorization its header, or nothing
  record Request(String server, String method, String path, String range, String authorization) {}

  /// Answers one request in another way.
  @FunctionalInterface
  interface Fault {
    void answer(HttpExchange exchange, byte[] content) throws IOException;

    /// Only the first bytes, though the length says all.
    static Fault cutAfter(int bytes) {
      return (exchange, content) -> {
        int from = from(exchange);
        if (from > 0) {
          exchange
              .getResponseHeaders()
              .set(
                  "Content-Range",
                  "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
        }
        exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
        exchange.getResponseBody().write(content, from, bytes);
        exchange.getResponseBody().flush();
        throw new IOException("cut, as planned");
      };
    }

    /// Another content of whatever length, whole.
    static Fault instead(byte[] other) {
      return (exchange, content) -> {
        exchange.sendResponseHeaders(200, other.length);
        exchange.getResponseBody().write(other);
      };
    }

    /// A status with headers, name and value in turn.
    static Fault status(int status, String... headers) {
      return (exchange, content) -> {
        for (int i = 0; i < headers.length; i += 2) {
          exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
        }
        exchange.sendResponseHeaders(status, -1);
      };
    }
  }

  FakeHub() {
    hub = server();
    store = server();
    hub.createContext("/", exchange -> handle("hub", exchange));
    store.createContext("/", exchange -> handle("store", exchange));
    hub.start();
    store.start();
    put("config.json", "{\"architectures\": [\"LlamaForCausalLM\"]}");
    put("tokenizer.json", "{\"model\": {}}");
    put("model.safetensors", "weights ".repeat(40_000));
  }

  private static HttpServer server() {
    try {
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
  }

  private URI storeAddress() {
    return URI.create("http://127.0.0.1:" + store.getAddress().getPort());
  }

  void put(String file, String content) {
    put(file, content.getBytes(StandardCharsets.UTF_8));
  }

  void put(String file, byte[] content) {
    files.put(file, content);
  }

  void remove(String file) {
    files.remove(file);
  }

  byte[] content(String file) {
    return Objects.requireNonNull(files.get(file));
  }

  void commit(String other) {
    commit = other;
  }

  String commit() {
    return commit;
  }

  /// The next requests for a path are answered so; `META file` is what the hub says of a file.
  void plan(String request, Fault... planned) {
    faults.computeIfAbsent(request, _ -> new ConcurrentLinkedDeque<>()).addAll(List.of(planned));
  }

  /// The same for ever.
  void always(String request, Fault fault) {
    faults.put(request, new ArrayDeque<>(Collections.nCopies(1000, fault)));
  }

  List<Request> requests() {
    return requests;
  }

  List<String> downloaded() {
    return requests.stream()
        .filter(each -> each.method().equals("GET") && !each.path().startsWith("/api/"))
        .map(each -> each.path().replaceFirst(".*/resolve/[^/]+/|/store/", ""))
        .distinct()
        .sorted()
        .toList();
  }

  private void handle(String server, HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getRawPath();
    String method = exchange.getRequestMethod();
    var headers = exchange.getRequestHeaders();
    requests.add(
        new Request(
            server,
            method,
            path,
            Objects.toString(headers.getFirst("Range"), ""),
            Objects.toString(headers.getFirst("Authorization"), "")));
    try (exchange) {
      String file = path.replaceFirst(".*/resolve/[^/]+/|/store/", "");
      byte[] content = files.getOrDefault(file, new byte[0]);
      String key = method.equals("HEAD") ? "META " + file : file;
      boolean redirected = server.equals("hub") && isLarge(file) && method.equals("GET");
      Fault fault = redirected ? null : faults.getOrDefault(key, new ArrayDeque<>()).poll();
      if (fault != null) {
        fault.answer(exchange, content);
      } else if (path.startsWith("/api/")) {
        list(exchange, path);
      } else if (!files.containsKey(file)) {
        Fault.status(404, "X-Error-Code", "EntryNotFound").answer(exchange, content);
      } else if (redirected) {
        exchange.getResponseHeaders().set("Location", storeAddress() + "/store/" + file);
        named(exchange, file);
        exchange.sendResponseHeaders(302, -1);
      } else {
        send(exchange, server, file, content);
      }
    }
  }

  private static boolean isLarge(String file) {
    return file.endsWith(".safetensors") || file.endsWith(".bin");
  }

  private void send(HttpExchange exchange, String server, String file, byte[] content)
      throws IOException {
    if (server.equals("hub")) {
      named(exchange, file);
    }
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(content.length));
      exchange.sendResponseHeaders(isLarge(file) ? 302 : 200, -1);
      return;
    }
    int from = from(exchange);
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
    exchange.getResponseBody().write(content, from, content.length - from);
  }

  private void named(HttpExchange exchange, String file) {
    byte[] content = content(file);
    String etag = '"' + etag(file) + '"';
    exchange.getResponseHeaders().set("ETag", etag);
    if (isLarge(file)) {
      exchange.getResponseHeaders().set("X-Linked-Etag", etag);
      exchange.getResponseHeaders().set("X-Linked-Size", String.valueOf(content.length));
    }
  }

  private static int from(HttpExchange exchange) {
    String range = Objects.toString(exchange.getRequestHeaders().getFirst("Range"), "bytes=0-");
    return Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
  }

  private void list(HttpExchange exchange, String path) throws IOException {
    if (!path.startsWith("/api/models/" + ID + "/revision/")) {
      Fault.status(401, "X-Error-Code", "RepoNotFound").answer(exchange, new byte[0]);
      return;
    }
    StringBuilder json = new StringBuilder("{\"sha\": \"" + commit + "\", \"siblings\": [");
    for (String file : files.keySet()) {
      json.append(json.toString().endsWith("[") ? "" : ", ");
      json.append("{\"rfilename\": \"").append(file).append("\"}");
    }
    byte[] body = json.append("]}").toString().getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }

  /// As the hub makes it: SHA-256 of large files, git's id of the others.
  String etag(String file) {
    byte[] content = content(file);
    try {
      if (isLarge(file)) {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
      }
      byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
      byte[] all = Arrays.copyOf(head, head.length + content.length);
      System.arraycopy(content, 0, all, head.length, content.length);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(all));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    hub.stop(0);
    store.stop(0);
  }
}
