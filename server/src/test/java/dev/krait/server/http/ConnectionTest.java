package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ConnectionTest {
  private static final String GET_VERSION = "GET /version HTTP/1.1\r\nHost: t\r\n\r\n";

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

  @Test
  void keepsTheConnectionForFurtherRequests() {
    try (HttpCalls.Raw raw = http.raw()) {
      for (int i = 0; i < 3; i++) {
        raw.send(GET_VERSION);
        assertThat(raw.readUntil("}")).startsWith("HTTP/1.1 200");
      }
    }
  }

  @Test
  void answersPipelinedRequestsInOrder() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send(
          "GET /version HTTP/1.1\r\nHost: t\r\nx-request-id: one\r\n\r\n"
              + "GET /nothing HTTP/1.1\r\nHost: t\r\nx-request-id: two\r\n\r\n"
              + "GET /version HTTP/1.1\r\nHost: t\r\nx-request-id: three\r\nConnection:"
              + " close\r\n\r\n");
      String replies = raw.readAll();
      assertThat(replies.indexOf("x-request-id: one")).isPositive();
      assertThat(replies.indexOf("x-request-id: two"))
          .isGreaterThan(replies.indexOf("x-request-id: one"));
      assertThat(replies.indexOf("x-request-id: three"))
          .isGreaterThan(replies.indexOf("x-request-id: two"));
    }
  }

  @Test
  void closesAfterAnswerToHttp10() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("GET /version HTTP/1.0\r\n\r\n");
      assertThat(raw.readAll()).contains("200 OK").endsWith("{\"version\":\"test\"}");
    }
  }

  @Test
  void streamsToHttp10WithoutChunks() {
    try (HttpCalls.Raw raw = http.raw()) {
      String body = "{\"prompt\":[9],\"max_tokens\":1,\"stream\":true}";
      raw.send(
          "POST /v1/completions HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: "
              + body.length()
              + "\r\n\r\n"
              + body);
      String reply = raw.readAll();
      assertThat(reply).doesNotContain("chunked").endsWith("}\n\ndata: [DONE]\n\n");
    }
  }

  @Test
  void answersHeadWithoutABody() {
    HttpCalls.Reply reply = http.call("HEAD", "/version", "");
    assertThat(reply.status()).isEqualTo(200);
    assertThat(reply.text()).isEmpty();
    assertThat(reply.header("content-length")).isEqualTo("18");
  }

  @Test
  void repeatsTheRequestIdOrMakesOne() {
    assertThat(http.get("/version", "x-request-id", "r-7").header("x-request-id")).isEqualTo("r-7");
    assertThat(http.get("/version").header("x-request-id")).hasSize(32);
  }

  @Test
  void doesNotKnowOtherPaths() {
    HttpCalls.Reply reply = http.get("/v2/models");
    assertThat(reply.status()).isEqualTo(404);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("NotFoundError");
  }

  @Test
  void saysWhichMethodsAPathHas() {
    HttpCalls.Reply reply = http.get("/v1/completions");
    assertThat(reply.status()).isEqualTo(405);
    assertThat(reply.header("allow")).isEqualTo("POST");
    assertThat(http.post("/version", "{}").header("allow")).isEqualTo("GET, HEAD");
  }

  @Test
  void refusesMalformedEscapes() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("GET /v1/models/%zz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 400");
    }
  }

  @Test
  void refusesABodyThatIsTooLarge() {
    HttpCalls.Reply reply = http.post("/v1/completions", "x".repeat((64 << 10) + 1));
    assertThat(reply.status()).isEqualTo(413);
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("request_too_large");
  }

  @Test
  void refusesAChunkedBodyThatGrowsTooLarge() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (int i = 0; i < 9; i++) {
        raw.send("2000\r\n" + "x".repeat(0x2000) + "\r\n");
      }
      assertThat(raw.readAll()).startsWith("HTTP/1.1 413").contains("connection: close");
    }
  }

  @Test
  void refusesAHeaderThatIsTooLarge() {
    HttpCalls.Reply reply = http.get("/version", "x-long", "x".repeat(5_000));
    assertThat(reply.status()).isEqualTo(431);
  }

  @Test
  void refusesALineThatIsTooLong() {
    assertThat(http.get("/" + "x".repeat(9_000)).status()).isEqualTo(414);
  }

  @Test
  void refusesWhatIsNotHttp() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.send("how do you do?\r\n\r\n");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 400");
    }
  }

  @Test
  void refusesCompressedBodies() {
    HttpCalls.Reply reply = http.post("/v1/completions", "{}", "content-encoding", "gzip");
    assertThat(reply.status()).isEqualTo(415);
  }

  @Test
  void givesUpOnAClientThatSendsTooSlowly() {
    try (TestServer impatient = TestServer.start(TestServer::impatient);
        HttpCalls.Raw raw = impatient.http().raw()) {
      raw.send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 408").contains("timeout");
    }
  }

  @Test
  void givesUpOnAHeaderThatNeverEnds() {
    try (TestServer impatient = TestServer.start(TestServer::impatient);
        HttpCalls.Raw raw = impatient.http().raw()) {
      raw.send("GET /version HTTP/1.1\r\nHost: t\r\nx-a: b");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 408");
    }
  }

  @Test
  void continuesWhenTheClientAsks() {
    try (HttpCalls.Raw raw = http.raw()) {
      String head =
          String.join(
              "\r\n",
              "POST /detokenize HTTP/1.1",
              "Host: t",
              "Expect: 100-continue",
              "Content-Length: 14",
              "Connection: close");
      raw.send(head + "\r\n\r\n");
      assertThat(raw.readUntil("\r\n\r\n")).startsWith("HTTP/1.1 100");
      raw.send("{'tokens':[9]}".replace('\'', '"'));
      assertThat(raw.readAll()).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void guardsTheApiWithAKey() {
    try (TestServer guarded = TestServer.start(TestServer::guarded)) {
      HttpCalls calls = guarded.http();
      HttpCalls.Reply refused = calls.get("/v1/models");
      assertThat(refused.status()).isEqualTo(401);
      assertThat(refused.header("www-authenticate")).isEqualTo("Bearer");
      assertThat(refused.json().at("/error/code").stringValue()).isEqualTo("invalid_api_key");
      assertThat(calls.get("/v1/models", "authorization", "Bearer wrong").status()).isEqualTo(401);
      assertThat(calls.get("/v1/models", "authorization", "Bearer secret").status()).isEqualTo(200);
      assertThat(calls.get("/v1/models", "authorization", "bearer secret").status()).isEqualTo(200);
      assertThat(calls.get("/health").status()).isEqualTo(200);
    }
  }

  @Test
  void withAKeyOnlyHealthIsOpen() {
    try (TestServer guarded = TestServer.start(TestServer::guarded)) {
      HttpCalls calls = guarded.http();
      List<String> closed =
          List.of(
              "GET /v1/models",
              "GET /v1/models/krait-tiny",
              "GET /v1/speculation",
              "GET /v1x",
              "POST /v1/completions",
              "POST /v1/chat/completions",
              "POST /v1/responses",
              "POST /v1/messages",
              "POST /v1/messages/count_tokens",
              "POST /v1/embeddings",
              "POST /tokenize",
              "POST /detokenize",
              "GET /tokenizer_info",
              "GET /version",
              "GET /load",
              "GET /metrics",
              "GET /none",
              "GET /%76%31/models",
              "DELETE /version");
      for (String call : closed) {
        String[] parts = call.split(" ", 2);
        assertThat(calls.call(parts[0], parts[1], "{}").status()).as(call).isEqualTo(401);
        assertThat(calls.call(parts[0], parts[1], "{}", "authorization", "Bearer secret").status())
            .as(call)
            .isNotEqualTo(401);
      }
      assertThat(calls.get("/").status()).isEqualTo(200); // the page, which holds no secret
      assertThat(calls.get("/health").status()).isEqualTo(200);
      assertThat(calls.get("/ping").status()).isEqualTo(200);
      assertThat(calls.post("/ping", "").status()).isEqualTo(200);
      assertThat(calls.get("/livez").status()).isEqualTo(200);
      assertThat(calls.get("/readyz").status()).isEqualTo(200);
    }
  }

  @Test
  void aPreflightNeedsNoKey() {
    try (TestServer guarded = TestServer.start(TestServer::guarded);
        HttpCalls.Raw raw = guarded.http().raw()) {
      String head =
          String.join(
              "\r\n",
              "OPTIONS /v1/models HTTP/1.1",
              "Host: localhost",
              "Origin: http://localhost:3000",
              "Access-Control-Request-Method: GET",
              "Connection: close");
      raw.send(head + "\r\n\r\n");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 204");
    }
  }

  @Test
  void theWarmUpNeedsNoKey() {
    try (TestServer guarded =
        TestServer.start(config -> TestServer.guarded(config).with(set -> set.warmUp = true))) {
      assertThat(guarded.runner().steps()).isPositive();
      assertThat(guarded.http().get("/v1/models").status()).isEqualTo(401);
      String series = guarded.http().get("/metrics", "authorization", "Bearer secret").text();
      assertThat(series.lines().filter(line -> line.startsWith("vllm:generation_tokens_total")))
          .as("the warm-up is not counted")
          .singleElement()
          .asString()
          .endsWith(" 0.0");
    }
  }

  @Test
  void theKeyCountsWhileTheServerDrains() {
    try (TestServer guarded = TestServer.start(TestServer::guarded)) {
      HttpCalls calls = guarded.http();
      assertThat(guarded.server().drain(Long.MAX_VALUE / 2)).isTrue();
      for (String path : List.of("/version", "/load", "/metrics")) {
        assertThat(calls.get(path).status()).as(path).isEqualTo(401);
        assertThat(calls.get(path, "authorization", "Bearer secret").status())
            .as(path)
            .isEqualTo(200);
      }
      assertThat(calls.get("/livez").status()).isEqualTo(200);
      assertThat(calls.get("/readyz").status()).isEqualTo(503);
      assertThat(calls.get("/health").status()).isEqualTo(503);
    }
  }

  @Test
  void metricsCanBeOpenBesideAKey() {
    try (TestServer guarded = TestServer.start(TestServer::guardedWithPublicMetrics)) {
      assertThat(guarded.http().get("/metrics").status()).isEqualTo(200);
      assertThat(guarded.http().get("/load").status()).isEqualTo(401);
    }
  }

  @Test
  void refusesTwoAuthorizationHeaders() {
    try (TestServer guarded = TestServer.start(TestServer::guarded);
        HttpCalls.Raw raw = guarded.http().raw()) {
      String head =
          String.join(
              "\r\n",
              "GET /v1/models HTTP/1.1",
              "Host: t",
              "Authorization: Bearer secret",
              "Authorization: Bearer wrong",
              "Connection: close");
      raw.send(head + "\r\n\r\n");
      assertThat(raw.readAll()).startsWith("HTTP/1.1 401");
    }
  }
}
