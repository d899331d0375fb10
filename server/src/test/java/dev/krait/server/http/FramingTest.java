package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.engine.SentCommands;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import java.io.IOException;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Rare shapes of HTTP/1.1, and what RFC 9112 asks for them.
class FramingTest {
  private static final String COMPLETION = "{\"prompt\":\"Once\",\"max_tokens\":2}";

  private static TestServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server = TestServer.start();
    http = server.http();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          GET /version HTTP/1.1 | | 400
          GET /version HTTP/1.1 | Host: a~Host: b | 400
          GET /version HTTP/1.1 | Host: a~Host: a | 400
          GET /version HTTP/1.0 | | 200
          GET /version HTTP/1.2 | Host: a | 200
          GET /version HTTP/2.0 | Host: a | 505
          PRI * HTTP/2.0 | | 505
          GET /version HTTP/9.9 | Host: a | 505
          GET /version http/1.1 | Host: a | 400
          GET http://a/version HTTP/1.1 | Host: a | 200
          GET HTTP://a:80/version?x=1 HTTP/1.1 | Host: b | 200
          GET http://a HTTP/1.1 | Host: a | 200
          GET /version/ HTTP/1.1 | Host: a | 200
          GET /v1/models/ HTTP/1.1 | Host: a | 200
          POST /tokenize HTTP/1.1 | Host: a~Transfer-Encoding: gzip, chunked | 501
          POST /tokenize HTTP/1.1 | Host: a~Transfer-Encoding: gzip~Transfer-Encoding: chunked | 501
          """)
  void answersAsTheStandardAsks(String line, String headers, int status) {
    try (HttpCalls.Raw raw = http.raw()) {
      String head = headers == null ? "" : headers.replace("~", "\r\n") + "\r\n";
      raw.send(line + "\r\n" + head + "Connection: close\r\n\r\n");
      assertThat(raw.readAll()).matches(answer(status));
    }
  }

  private static Pattern answer(int status) {
    return Pattern.compile("HTTP/1.1 " + status + " .*", Pattern.DOTALL);
  }

  @Test
  void answersAnyNumberOfPipelinedRequests() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("GET /version HTTP/1.1\r\nHost: t\r\n\r\n".repeat(300));
      raw.send("GET /version HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
      assertThat(raw.readAll().split("HTTP/1.1 200", -1)).hasSize(302);
    }
  }

  @Test
  void aClientThatWillSendNoMoreGetsItsAnswer() throws IOException {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send(
          "POST /v1/completions HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: "
              + COMPLETION.length()
              + "\r\n\r\n"
              + COMPLETION);
      raw.socket().shutdownOutput();
      assertThat(raw.readAll()).startsWith("HTTP/1.1 200").contains("\"text\"");
    }
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
      raw.socket().shutdownOutput();
      assertThat(raw.readAll()).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void aGenerationEndsWhenAClientThatWouldStayEndsItsSide() throws IOException {
    server.runner().hold();
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 60, 'ignore_eos': true}");
      Waiting.until(() -> server.runner().isHolding());
      raw.socket().shutdownOutput();
      Waiting.until(() -> SentCommands.any(server.server().engine().handle()));
      server.runner().release();
      assertThat(raw.readAll()).startsWith("HTTP/1.1 499");
    } finally {
      server.runner().release();
    }
  }

  @Test
  void aConnectionThatEndsInTheMiddleOfARequestIsClosed() throws IOException {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{");
      raw.socket().shutdownOutput();
      assertThat(raw.readAll()).isEmpty();
    }
  }

  @Test
  void namesThePathThatIsMeant() {
    assertThat(http.post("/chat/completions", "{}").json().at("/error/message").stringValue())
        .isEqualTo(
            "path: /chat/completions (expected: a path of this server; did you mean"
                + " /v1/chat/completions?)");
    assertThat(http.get("/nothing").json().at("/error/message").stringValue())
        .isEqualTo("path: /nothing (expected: a path of this server)");
  }
}
