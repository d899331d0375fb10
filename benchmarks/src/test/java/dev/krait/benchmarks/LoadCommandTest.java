package dev.krait.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.krait.server.ServerMain;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LoadCommandTest {
  private static final String PIECE = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n";
  private static final String DONE = "data: [DONE]\n\n";

  @TempDir private Path temporary;

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final List<JsonNode> asked = Collections.synchronizedList(new ArrayList<>());
  private HttpServer server;
  private int status = 200;
  private String answer = "";

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/v1/models",
        exchange -> {
          byte[] body = "{\"data\":[{\"id\":\"fake\"}]}".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.createContext(
        "/v1/completions",
        exchange -> {
          asked.add(JsonMapper.shared().readTree(exchange.getRequestBody().readAllBytes()));
          byte[] body = answer.getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(status, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private static String usage(int tokens) {
    return "data: {\"choices\":[],\"usage\":{\"completion_tokens\":" + tokens + "}}\n\n";
  }

  private int load(String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "bench",
                "load",
                "--url",
                "http://127.0.0.1:" + server.getAddress().getPort(),
                "--streams",
                "2",
                "--prompt",
                "5",
                "--output",
                "3",
                "--requests",
                "6"));
    words.addAll(List.of(more));
    PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    return ServerMain.commandLine(out, out, Map.of()).execute(words.toArray(String[]::new));
  }

  private String written() {
    return written.toString(StandardCharsets.UTF_8);
  }

  @Test
  void sendsSoManyDifferentPromptsAndCountsTheirTokens() throws IOException {
    answer = PIECE + PIECE + PIECE + usage(3) + DONE;
    Path json = temporary.resolve("load.json");

    assertThat(load("--json", json.toString())).isZero();

    JsonNode row = JsonMapper.shared().readTree(Files.readString(json)).at("/rows/0");
    assertThat(row.get("requests").asInt()).isEqualTo(6);
    double seconds = row.get("seconds").asDouble();
    assertThat(row.get("output_tokens_per_second").asDouble() * seconds).isBetween(17.9, 18.1);
    assertThat(row.get("prompt_tokens_per_second").asDouble() * seconds).isBetween(29.9, 30.1);
    assertThat(asked).hasSize(6);
    assertThat(asked.stream().map(body -> body.get("prompt").toString()).distinct()).hasSize(6);
    assertThat(asked).allSatisfy(body -> assertThat(body.get("prompt")).hasSize(5));
    assertThat(asked.getFirst().get("model").asString()).isEqualTo("fake");
    assertThat(asked.getFirst().get("min_tokens").asInt()).isEqualTo(3);
  }

  @Test
  void whatIsRefusedIsCountedByItsReason() {
    status = 429;
    answer = "busy";

    assertThat(load()).isEqualTo(1);

    assertThat(written()).contains("failed: 6 x status 429: busy");
  }

  @Test
  void aShortAnswerAndABrokenStreamAreFailures() {
    answer = PIECE + usage(1) + DONE;
    assertThat(load()).isEqualTo(1);
    answer = PIECE;
    assertThat(load()).isEqualTo(1);

    assertThat(written())
        .contains("failed: 6 x 1 tokens (expected: 3)")
        .contains("failed: 6 x the stream ended without [DONE]");
  }

  @Test
  void aFileThatCannotBeWrittenIsRefusedBeforeAnythingIsAsked() {
    assertThat(load("--json", temporary.resolve("missing/load.json").toString())).isEqualTo(1);

    assertThat(written()).contains("json: ").contains("(expected: a file that can be written)");
    assertThat(asked).isEmpty();
  }
}
