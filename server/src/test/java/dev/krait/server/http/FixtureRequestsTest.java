package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.krait.server.KraitServer;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.TestServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Requests of `requests/` to a model whose log-probabilities are known.
class FixtureRequestsTest {
  private static final Path FIXTURE =
      TestServer.repository().resolve("engine/src/test/resources/models/llama-gqa-rope3");

  private static KraitServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server = ShippedServer.start(FIXTURE, _ -> {});
    http = new HttpCalls(server.port());
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static HttpCalls.Reply send(String name) {
    try (InputStream file =
        FixtureRequestsTest.class.getResourceAsStream("/requests/" + name + ".json")) {
      byte[] body = Objects.requireNonNull(file, name).readAllBytes();
      return http.call("POST", "/v1/completions", new String(body, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void tokensOfEqualTextHaveNamesOfTheirOwn() {
    JsonNode logprobs = send("top-logprobs-same-text").json().at("/choices/0/logprobs");
    JsonNode top = logprobs.at("/top_logprobs/1");
    assertThat(top.size()).as(top.toString()).isEqualTo(2);
    double chosen = logprobs.at("/token_logprobs/1").doubleValue();
    double best = top.values().stream().mapToDouble(JsonNode::doubleValue).max().orElseThrow();
    assertThat(chosen).isCloseTo(-15.02, within(0.01));
    assertThat(best).isCloseTo(-0.874, within(0.001));
    String token = logprobs.at("/tokens/1").stringValue();
    assertThat(token).matches("bytes:\\\\x[0-9a-f]{2}");
    assertThat(top.get(token).doubleValue()).isEqualTo(chosen);
    assertThat(logprobs.get("text_offset").get(1).intValue()).isPositive();
  }

  @Test
  void aStopStringThatIsASpecialTokenStops() {
    HttpCalls.Reply reply = send("stop-is-a-special-token");
    JsonNode choice = reply.json().at("/choices/0");
    assertThat(choice.get("finish_reason").stringValue()).isEqualTo("stop");
    assertThat(choice.get("stop_reason").stringValue()).isEqualTo("<|end_header_id|>");
    assertThat(choice.get("text").stringValue()).isEmpty();
    assertThat(reply.json().at("/usage/completion_tokens").intValue()).isEqualTo(1);
  }

  @Test
  void lineSeparatorsAreEscaped() {
    HttpCalls.Reply reply = send("line-separators-in-a-stream");
    assertThat(reply.text())
        .contains("a\\u2028b\\u2029c\\u0085d")
        .doesNotContain("\u2028", "\u2029", "\u0085");
    assertThat(reply.chunks().getFirst().at("/choices/0/text").stringValue())
        .startsWith("a\u2028b\u2029c\u0085d");
  }

  @ParameterizedTest
  @ValueSource(strings = {"top_p-0", "whole-number-with-a-point"})
  void numbersAreTakenAsClientsSendThem(String name) {
    HttpCalls.Reply reply = send(name);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    assertThat(reply.json().at("/usage/completion_tokens").intValue()).isEqualTo(4);
  }

  @Test
  void topPOfNothingIsGreedyAtAnyTemperature() {
    String body = "{'prompt': 'Hello', 'max_tokens': 20, 'return_token_ids': true, ";
    JsonNode greedy =
        http.post("/v1/completions", body + "'temperature': 0}").json().at("/choices/0/token_ids");
    JsonNode narrow =
        http.post("/v1/completions", body + "'temperature': 1.5, 'top_p': 0, 'seed': 3}")
            .json()
            .at("/choices/0/token_ids");
    JsonNode sampled =
        http.post("/v1/completions", body + "'temperature': 1.5, 'top_p': 1, 'seed': 3}")
            .json()
            .at("/choices/0/token_ids");
    assertThat(narrow).isEqualTo(greedy).isNotEqualTo(sampled);
  }

  @Test
  void theBestOfMoreThanAreAnsweredIsRefusedByName() {
    HttpCalls.Reply reply = send("best_of");
    assertThat(reply.status()).isEqualTo(400);
    Map<String, String> error =
        Map.of(
            "param", reply.json().at("/error/param").stringValue(),
            "code", reply.json().at("/error/code").stringValue());
    assertThat(error).isEqualTo(Map.of("param", "best_of", "code", "unsupported_value"));
  }
}
