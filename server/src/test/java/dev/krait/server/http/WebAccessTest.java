package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What web pages may do; `https://chat.example.org` and this machine's own pages are allowed.
class WebAccessTest {
  private static final String BODY = "{\"prompt\":\"Once\",\"max_tokens\":2}";

  private static TestServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server = TestServer.start(TestServer::guarded);
    http = server.http();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "http://localhost:3000, 204",
    "http://127.0.0.1:8080, 204",
    "http://[::1]:8080, 204",
    "https://chat.example.org, 204",
    "https://chat.example.org.evil.net, 403",
    "http://localhost.evil.net, 403",
    "http://chat.example.org, 403",
    "null, 403",
  })
  void aPreflightNeedsNoKeyButAnAllowedOrigin(String origin, int status) {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send(
          "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: "
              + origin
              + "\r\nAccess-Control-Request-Method: POST\r\n"
              + "Access-Control-Request-Headers: authorization,content-type\r\n"
              + "Connection: close\r\n\r\n");
      String reply = raw.readAll();
      assertThat(reply).startsWith("HTTP/1.1 " + status);
      assertThat(reply.contains("access-control-allow-origin: " + origin)).isEqualTo(status == 204);
      assertThat(reply.contains("access-control-allow-headers: authorization,content-type"))
          .isEqualTo(status == 204);
    }
  }

  @Test
  void anAllowedPageCanReadAnswersAndErrors() {
    HttpCalls.Reply refused = http.get("/v1/models", "origin", "http://localhost:3000");
    assertThat(refused.status()).isEqualTo(401);
    assertThat(refused.header("access-control-allow-origin")).isEqualTo("http://localhost:3000");
    assertThat(refused.header("vary")).isEqualTo("origin");
    HttpCalls.Reply foreign = http.get("/health", "origin", "https://evil.net");
    assertThat(foreign.status()).isEqualTo(200);
    assertThat(foreign.header("access-control-allow-origin")).isEmpty();
  }

  @ParameterizedTest(name = "{0}, origin {1}")
  @CsvSource({
    "text/plain, https://evil.net, 415",
    "text/plain, '', 415",
    "application/x-www-form-urlencoded, https://evil.net, 415",
    "application/x-www-form-urlencoded, '', 200",
    "'', https://evil.net, 415",
    "application/jsonp, '', 415",
    "application/json, https://evil.net, 200",
    "application/json; charset=utf-8, '', 200",
    "Application/JSON, '', 200",
    "'', '', 200",
  })
  void aBodyHasToBeJson(String type, String origin, int status) {
    String[] headers = {"authorization", "Bearer secret"};
    if (!type.isEmpty()) {
      headers = with(headers, "content-type", type);
    }
    if (!origin.isEmpty()) {
      headers = with(headers, "origin", origin);
    }
    assertThat(http.call("POST", "/v1/completions", BODY, headers).status()).isEqualTo(status);
  }

  private static String[] with(String[] headers, String name, String value) {
    String[] more = java.util.Arrays.copyOf(headers, headers.length + 2);
    more[headers.length] = name;
    more[headers.length + 1] = value;
    return more;
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "localhost:8000, 200",
    "krait.localhost, 200",
    "127.0.0.1:8000, 200",
    "10.0.0.7, 200",
    "[::1]:8000, 200",
    "krait, 200",
    "chat.example.org, 200",
    "evil.net, 403",
    "127.0.0.1.evil.net:8000, 403",
    "localhost.evil.net, 403",
  })
  void aServerOfThisMachineHasNoPublicName(String host, int status) {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("GET /health HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 " + status);
    }
  }
}
