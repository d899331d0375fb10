package dev.krait.server.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A page in headless Chromium, steered over the DevTools protocol.
public final class Browser implements AutoCloseable {
  private static final String LISTENING = "DevTools listening on ";
  private static final int PATIENCE_SECONDS = 300;

  private final Process process;
  private final WebSocket socket;
  private final BlockingQueue<JsonNode> answers = new LinkedBlockingQueue<>();
  private int calls;

  private Browser(Process process, String page) {
    this.process = process;
    this.socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(URI.create(page), new Messages(answers))
            .join();
  }

  /// The browser of this machine.
  public static Optional<Path> program() {
    return Stream.of(System.getenv("PATH").split(":"))
        .flatMap(folder ->
            Stream.of("chromium", "chromium-browser", "google-chrome")
                .map(name -> Path.of(folder, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /// Opens a page and waits until it is loaded.
  ///
  /// @param profile an empty folder
  public static Browser open(Path program, Path profile, String url) {
    try {
      Process process =
          new ProcessBuilder(
                  program.toString(),
                  "--headless=new",
                  "--no-sandbox",
                  "--disable-gpu",
                  "--no-first-run",
                  "--window-size=1100,760",
                  "--remote-debugging-port=0",
                  "--user-data-dir=" + profile,
                  "about:blank")
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      String address = address(process);
      int port = URI.create(address).getPort();
      JsonNode pages = JsonMapper.shared().readTree(new HttpCalls(port).get("/json/list").text());
      Browser browser =
          new Browser(process, pages.get(0).path("webSocketDebuggerUrl").stringValue());
      browser.call("Page.enable", JsonMapper.shared().createObjectNode());
      browser.call("Page.navigate", JsonMapper.shared().createObjectNode().put("url", url));
      browser.await("document.readyState === 'complete' && location.href !== 'about:blank'");
      return browser;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String address(Process process) throws IOException {
    BufferedReader errors =
        new BufferedReader(new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8));
    for (String line = errors.readLine(); line != null; line = errors.readLine()) {
      if (line.startsWith(LISTENING)) {
        Thread.ofVirtual().start(() -> errors.lines().forEach(_ -> {}));
        return line.substring(LISTENING.length());
      }
    }
    throw new IllegalStateException("the browser ended before it listened");
  }

  /// The value of a JavaScript expression; promises are awaited.
  public JsonNode evaluate(String expression) {
    JsonNode answer =
        call(
            "Runtime.evaluate",
            JsonMapper.shared()
                .createObjectNode()
                .put("expression", expression)
                .put("awaitPromise", true)
                .put("returnByValue", true));
    if (answer.has("exceptionDetails")) {
      throw new IllegalStateException(expression + ": " + answer.path("exceptionDetails"));
    }
    return answer.path("result").path("value");
  }

  /// Waits in the page until an expression is true.
  public void await(String expression) {
    evaluate(
        "new Promise(done => { const look = () => (%s) ? done(true) : setTimeout(look, 20); look(); })"
            .formatted(expression));
  }

  /// The page as a PNG file.
  public void screenshot(Path file) {
    JsonNode answer = call("Page.captureScreenshot", JsonMapper.shared().createObjectNode());
    try {
      Files.write(file, Base64.getDecoder().decode(answer.path("data").stringValue()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private JsonNode call(String method, ObjectNode params) {
    int id = ++calls;
    ObjectNode message = JsonMapper.shared().createObjectNode().put("id", id).put("method", method);
    message.set("params", params);
    socket.sendText(message.toString(), true).join();
    try {
      while (true) {
        JsonNode answer = answers.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (answer == null) {
          throw new IllegalStateException(method + ": no answer");
        }
        if (answer.path("id").asInt(0) == id) {
          return answer.path("result");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    socket.abort();
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly().onExit().join();
  }

  /// Collects whole messages.
  private record Messages(BlockingQueue<JsonNode> answers, StringBuilder part)
      implements WebSocket.Listener {
    Messages(BlockingQueue<JsonNode> answers) {
      this(answers, new StringBuilder());
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      part.append(data);
      if (last) {
        answers.add(JsonMapper.shared().readTree(part.toString()));
        part.setLength(0);
      }
      return WebSocket.Listener.super.onText(socket, data, last);
    }
  }
}
