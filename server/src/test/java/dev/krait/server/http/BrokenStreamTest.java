package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import java.net.SocketException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BrokenStreamTest {
  private TestServer server;
  private HttpCalls http;

  @BeforeEach
  void start() {
    server = TestServer.start();
    http = server.http();
    server.runner().hold();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void aClientThatLeavesBeforeAWholeAnswerFreesItsSequences() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 50, 'ignore_eos': true, 'n': 3}");
      Waiting.until(() -> {
        server.runner().permit(1);
        return server.server().status().running() == 3;
      });
    }
    stepUntilNothingRuns();
    assertThat(server.runner().steps()).isLessThan(40);
    Waiting.until(() -> server.server().requests() == 0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatAClientLeavesIsAbortedInEverySeries(boolean stream) {
    String rest = "'max_tokens': 60, 'ignore_eos': true, 'n': 3, 'stream': " + stream + "}";
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post("/v1/completions", "{'prompt': [50], " + rest);
      Waiting.until(() -> {
        server.runner().permit(1);
        return server.server().status().running() == 3;
      });
    }
    stepUntilNothingRuns();
    Waiting.until(() -> server.server().requests() == 0);
    String series = http.get("/metrics").text();
    assertThat(sum(series, "vllm:request_success_total")).isEqualTo(3);
    assertThat(series).containsPattern("vllm:request_success_total\\{[^}]*\"abort\"[^}]*} 3\\.0");
    assertThat(sum(series, "vllm:e2e_request_latency_seconds_count")).isEqualTo(3);
    assertThat(sum(series, "vllm:prompt_tokens_total")).isEqualTo(3);
  }

  @Test
  void refusesMoreSequencesThanTheDoorAdmits() {
    HttpCalls.Reply reply =
        http.post("/v1/completions", "{'prompt': 'a', 'n': 128, 'max_tokens': 1}");
    assertThat(reply.status()).isEqualTo(429);
    assertThat(reply.header("retry-after")).isEqualTo("1");
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("RateLimitError");
    assertThat(server.server().requests()).isZero();
  }

  @Test
  void aFailureInTheMiddleOfAStreamIsAnEventBeforeDone() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post(
          "/v1/completions",
          "{'prompt': 'a', 'max_tokens': 50, 'ignore_eos': true, 'stream': true}");
      server.runner().permit(1);
      raw.readUntil("}\n\n\r\n");
      server.runner().breakDown();
      server.runner().permit(1);
      String rest = raw.readUntil("0\r\n\r\n");
      assertThat(rest).contains("data: {\"error\":{").contains("\"code\":\"server_error\"");
      assertThat(rest.indexOf("[DONE]")).isGreaterThan(rest.indexOf("\"error\""));
    }
    assertThat(http.get("/health").status()).isEqualTo(503);
    assertThat(server.server().failure().join().getMessage()).isNotBlank();
  }

  @Test
  void aFailureBeforeTheFirstTokenHasItsOwnStatus() {
    server.runner().breakDown();
    server.runner().release();
    HttpCalls.Reply reply =
        http.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 5, 'stream': true}");
    assertThat(reply.status()).isEqualTo(500);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("InternalServerError");
  }

  @Test
  void drainsRunningRequestsAndRefusesNewOnes() {
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 3, 'stream': true}");
      server.runner().permit(1);
      raw.readUntil("}\n\n\r\n");
      assertThat(server.server().drain(1)).isFalse();
      assertThat(http.get("/health").status()).isEqualTo(503);
      HttpCalls.Reply refused = http.post("/v1/completions", "{'prompt': 'a'}");
      assertThat(refused.status()).isEqualTo(503);
      assertThat(refused.header("retry-after")).isEqualTo("1");
      server.runner().release();
      assertThat(server.server().drain(Long.MAX_VALUE / 2)).isTrue();
      assertThat(raw.readUntil("0\r\n\r\n")).contains("[DONE]");
    }
  }

  @Test
  void whatIsBrokenOffAtTheEndIsToldWhy() throws Exception {
    try (HttpCalls.Raw stream = http.raw();
        HttpCalls.Raw whole = http.raw()) {
      stream.post("/v1/completions", "{'prompt': 'a', 'ignore_eos': true, 'stream': true}");
      server.runner().permit(1);
      stream.readUntil("}\n\n\r\n");
      whole.post("/v1/completions", "{'prompt': 'a', 'ignore_eos': true}");
      Waiting.until(() -> server.server().requests() == 2);
      assertThat(server.server().drain(1)).isFalse();
      Thread breaking = Thread.ofVirtual().start(() -> server.server().breakOff(Long.MAX_VALUE));
      // It waits once the engine has been told: steps that came before could finish the answers.
      Waiting.until(() -> breaking.getState() == Thread.State.TIMED_WAITING);
      Waiting.until(() -> {
        server.runner().permit(1);
        return !breaking.isAlive();
      });
      assertThat(stream.readUntil("0\r\n\r\n"))
          .contains("data: {\"error\":{\"message\":\"the server is shutting down\"")
          .contains("[DONE]");
      assertThat(whole.readUntil("}}"))
          .startsWith("HTTP/1.1 503")
          .contains("\"message\":\"the server is shutting down\"");
    }
    assertThat(server.server().requests()).isZero();
    assertThat(http.get("/livez").status()).isEqualTo(200);
    assertThat(http.get("/readyz").status()).isEqualTo(503);
    assertThat(http.post("/tokenize", "{'prompt': 'a'}").status()).isEqualTo(503);
  }

  @Test
  void aReaderThatStopsReadingDoesNotFillTheMemory() throws SocketException {
    server.runner().release();
    try (HttpCalls.Raw raw = http.raw()) {
      raw.socket().setReceiveBufferSize(4096);
      StringBuilder requests = new StringBuilder();
      String body =
          "{\"prompt\":\"a\",\"max_tokens\":60,\"ignore_eos\":true,\"stream\":true,"
              + "\"logprobs\":20}";
      for (int i = 0; i < 1000; i++) {
        requests
            .append("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: ")
            .append(body.length())
            .append("\r\n\r\n")
            .append(body);
      }
      Thread.ofVirtual().start(() -> sendQuietly(raw, requests.toString()));
      int before = server.runner().steps();
      Waiting.until(() -> isSteady(before));
      assertThat(server.runner().steps()).isLessThan(600 * 60);
    }
    Waiting.until(() -> server.server().requests() == 0);
    String series = http.get("/metrics").text();
    double begun = sum(series, "vllm:request_params_n_sum");
    assertThat(sum(series, "vllm:request_success_total")).isEqualTo(begun).isPositive();
    assertThat(sum(series, "vllm:e2e_request_latency_seconds_count")).isEqualTo(begun);
    assertThat(sum(series, "vllm:request_prompt_tokens_count")).isEqualTo(begun);
    assertThat(sum(series, "vllm:request_generation_tokens_sum"))
        .isEqualTo(sum(series, "vllm:generation_tokens_total"));
  }

  /// Values of every line of a series together.
  private static double sum(String series, String name) {
    return series
        .lines()
        .filter(line -> line.startsWith(name + "{"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  /// Lets step after step pass, each only after the last was taken.
  private void stepUntilNothingRuns() {
    Waiting.until(() -> {
      server.runner().permit(1);
      return server.server().status().running() == 0;
    });
  }

  private static void sendQuietly(HttpCalls.Raw raw, String text) {
    try {
      raw.send(text);
    } catch (java.io.UncheckedIOException e) {
      // The test closes the connection while it is still being written.
      assertThat(raw.socket().isClosed()).isTrue();
    }
  }

  /// True when no step was run for a while although a request is here: its writer waits.
  private boolean isSteady(int before) {
    int now = server.runner().steps();
    return now > before && Waiting.staysTrue(() -> server.runner().steps() == now, 200);
  }
}
