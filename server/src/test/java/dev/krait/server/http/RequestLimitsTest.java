package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import java.util.Collections;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Bounds of what one request may cost before the engine sees it.
class RequestLimitsTest {
  /// Characters of the longest token of the shipped vocabulary, `transportation` after a space.
  private static final int LONGEST = 15;

  private static final int MOST = TestServer.MAX_TOKENS * LONGEST;

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

  private static void assertRefused(HttpCalls.Reply reply, String start) {
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/message").stringValue()).startsWith(start);
  }

  private static void assertTooLong(HttpCalls.Reply reply, String part) {
    assertRefused(reply, "This model's maximum context length is 64 tokens.");
    assertThat(reply.json().at("/error/message").stringValue()).contains(part);
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("context_length_exceeded");
  }

  @Test
  void textThatNoContextHoldsIsNotEncoded() {
    String text = "a".repeat(MOST);
    assertThat(http.post("/tokenize", "{'prompt': '" + text + "'}").status()).isEqualTo(200);
    String more =
        "more than 64 tokens (961 characters in the prompt, at most 960 can fit). Please reduce";
    assertTooLong(http.post("/tokenize", "{'prompt': '" + text + "a'}"), more);
    assertTooLong(
        http.post("/v1/completions", "{'prompt': '" + text + "a', 'truncate_prompt_tokens': 2}"),
        more);
    assertThat(
            http.post("/v1/completions", "{'prompt': '" + text + "', 'truncate_prompt_tokens': 2}")
                .status())
        .isEqualTo(200);
    assertTooLong(
        http.post("/tokenize", "{'messages': [{'role': 'user', 'content': '" + text + "'}]}"),
        "characters in the messages, at most 960 can fit)");
  }

  @Test
  void thereAreNoMoreMessagesThanTokensOfTheContext() {
    String messages =
        String.join(
            ",", Collections.nCopies(TestServer.MAX_TOKENS + 1, "{'role': 'user', 'content': ''}"));
    assertTooLong(
        http.post("/v1/chat/completions", "{'messages': [" + messages + "]}"),
        "more than 64 tokens (65 messages)");
  }

  @Test
  void listsOfARequestAreBounded() {
    String ids = String.join(",", Collections.nCopies(1025, "5"));
    assertRefused(
        http.post("/v1/completions", "{'prompt': 'a', 'stop_token_ids': [" + ids + "]}"),
        "stop_token_ids: 1025 ids (expected: at most 1024)");
    String biases =
        IntStream.range(0, 1025).mapToObj(id -> "'" + id + "': 1").collect(Collectors.joining(","));
    assertRefused(
        http.post("/v1/completions", "{'prompt': 'a', 'logit_bias': {" + biases + "}}"),
        "logit_bias: 1025 tokens (expected: at most 1024)");
  }

  @Test
  void aRequestIsNamedByPrintableCharacters() {
    for (String id : new String[] {"a".repeat(257), "a\\nERROR forged", "\\u001b[31m"}) {
      assertRefused(
          http.post("/v1/completions", "{'prompt': 'a', 'request_id': '" + id + "'}"),
          "request_id: ");
    }
    HttpCalls.Reply named = http.get("/version", "x-request-id", "a".repeat(256));
    assertThat(named.header("x-request-id")).isEqualTo("a".repeat(256));
    HttpCalls.Reply renamed = http.get("/version", "x-request-id", "a".repeat(257));
    assertThat(renamed.header("x-request-id")).hasSize(32);
  }
}
