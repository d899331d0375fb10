package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class CompletionsTest {
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
  void answersWithTextUsageAndReason() {
    HttpCalls.Reply reply = http.post("/v1/completions", "{'prompt': 'Tell me', 'max_tokens': 40}");
    assertThat(reply.status()).isEqualTo(200);
    JsonNode choice = reply.json().at("/choices/0");
    assertThat(choice.get("text").stringValue()).isEqualTo(TestServer.TEXT);
    assertThat(choice.get("finish_reason").stringValue()).isEqualTo("stop");
    assertThat(choice.get("stop_reason").isNull()).isTrue();
    assertThat(choice.get("logprobs").isNull()).isTrue();
    assertThat(reply.json().at("/object").stringValue()).isEqualTo("text_completion");
    assertThat(reply.json().at("/id").stringValue()).startsWith("cmpl-");
    assertThat(reply.json().at("/model").stringValue()).isEqualTo("krait-tiny");
    JsonNode usage = reply.json().at("/usage");
    assertThat(usage.get("total_tokens").intValue())
        .isEqualTo(
            usage.get("prompt_tokens").intValue() + usage.get("completion_tokens").intValue());
    assertThat(usage.at("/completion_tokens_details/accepted_prediction_tokens").intValue())
        .isZero();
    assertThat(usage.at("/prompt_tokens_details/cached_tokens").intValue()).isZero();
  }

  @Test
  void generatesSixteenTokensUnlessToldOtherwise() {
    JsonNode json =
        http.post("/v1/completions", "{'prompt': 'a', 'ignore_eos': true, 'max_tokens': null}")
            .json();
    assertThat(json.at("/usage/completion_tokens").intValue()).isEqualTo(16);
    assertThat(json.at("/choices/0/finish_reason").stringValue()).isEqualTo("length");
  }

  @Test
  void givesTheGeneratedIdsWhenAsked() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': [5, 6, 7], 'max_tokens': 3, 'return_token_ids': true}")
            .json();
    assertThat(json.at("/choices/0/token_ids").size()).isEqualTo(3);
    assertThat(json.at("/choices/0/prompt_token_ids").toString()).isEqualTo("[5,6,7]");
  }

  @Test
  void cutsTheTextBeforeAStopStringAndEndsTheSequence() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': 'a', 'max_tokens': 60, 'ignore_eos': true, 'stop': [' there', 'x']}")
            .json();
    assertThat(json.at("/choices/0/text").stringValue()).isEqualTo("Once upon a time,");
    assertThat(json.at("/choices/0/finish_reason").stringValue()).isEqualTo("stop");
    assertThat(json.at("/choices/0/stop_reason").stringValue()).isEqualTo(" there");
    assertThat(json.at("/usage/completion_tokens").intValue()).isLessThan(12);
  }

  @Test
  void keepsTheStopStringWhenAsked() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': 'a', 'max_tokens': 40, 'stop': 'time',"
                    + " 'include_stop_str_in_output': true}")
            .json();
    assertThat(json.at("/choices/0/text").stringValue()).isEqualTo("Once upon a time");
  }

  @Test
  void doesNotLookForStopStringsBeforeTheLeastTokens() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': 'a', 'max_tokens': 40, 'stop': 'upon', 'min_tokens': 8}")
            .json();
    assertThat(json.at("/choices/0/text").stringValue()).isEqualTo(TestServer.TEXT);
  }

  @Test
  void namesTheStopTokenThatEndedTheText() {
    int id = http.post("/tokenize", "{'prompt': ' time'}").json().at("/tokens/0").intValue();
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': 'a', 'max_tokens': 40, 'stop_token_ids': [" + id + "]}")
            .json();
    assertThat(json.at("/choices/0/text").stringValue()).isEqualTo("Once upon a");
    assertThat(json.at("/choices/0/stop_reason").intValue()).isEqualTo(id);
  }

  @Test
  void answersPromptsInOrderAndCountsEachOnce() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': [[5, 6], [7, 8, 9]], 'n': 2, 'max_tokens': 2, 'echo': true}")
            .json();
    assertThat(json.get("choices").size()).isEqualTo(4);
    for (int i = 0; i < 4; i++) {
      assertThat(json.at("/choices/" + i + "/index").intValue()).isEqualTo(i);
    }
    assertThat(json.at("/usage/prompt_tokens").intValue()).isEqualTo(5);
    assertThat(json.at("/usage/completion_tokens").intValue()).isEqualTo(8);
  }

  @Test
  void reportsLogprobsOfPromptAndOutputWithEcho() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': [50, 60, 70], 'max_tokens': 2, 'echo': true, 'logprobs': 1}")
            .json();
    JsonNode logprobs = json.at("/choices/0/logprobs");
    assertThat(logprobs.get("tokens").size()).isEqualTo(5);
    assertThat(logprobs.get("token_logprobs").size()).isEqualTo(5);
    assertThat(logprobs.get("token_logprobs").get(0).isNull()).isTrue();
    assertThat(logprobs.get("token_logprobs").get(1).floatValue()).isEqualTo(-1f);
    assertThat(logprobs.get("top_logprobs").get(0).isNull()).isTrue();
    assertThat(logprobs.get("top_logprobs").get(1).size()).isEqualTo(2);
    int end = 0;
    for (int i = 0; i < 5; i++) {
      assertThat(logprobs.get("text_offset").get(i).intValue()).isEqualTo(end);
      end += logprobs.get("tokens").get(i).stringValue().length();
    }
    assertThat(json.at("/choices/0/text").stringValue())
        .startsWith(logprobs.get("tokens").get(0).stringValue());
  }

  @Test
  void scoresAPromptWithoutGenerating() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': [50, 60, 70], 'max_tokens': 0, 'echo': true, 'logprobs': 0}")
            .json();
    assertThat(json.at("/choices/0/logprobs/token_logprobs").size()).isEqualTo(3);
    assertThat(json.at("/usage/completion_tokens").intValue()).isZero();
  }

  @Test
  void reportsPromptLogprobsByTokenId() {
    JsonNode json =
        http.post("/v1/completions", "{'prompt': [50, 60], 'max_tokens': 1, 'prompt_logprobs': 2}")
            .json();
    JsonNode prompt = json.at("/choices/0/prompt_logprobs");
    assertThat(prompt.get(0).isNull()).isTrue();
    assertThat(prompt.at("/1/60/rank").intValue()).isEqualTo(2);
    assertThat(prompt.at("/1/59/rank").intValue()).isEqualTo(1);
  }

  @Test
  void writesTokensAsIdsWhenAsked() {
    JsonNode json =
        http.post(
                "/v1/completions",
                "{'prompt': 'a', 'max_tokens': 1, 'logprobs': 0,"
                    + " 'return_tokens_as_token_ids': true}")
            .json();
    assertThat(json.at("/choices/0/logprobs/tokens/0").stringValue()).startsWith("token_id:");
  }

  @Test
  void streamsOneChunkForEachTokenThenUsageThenDone() {
    HttpCalls.Reply reply =
        http.post(
            "/v1/completions",
            "{'prompt': 'a', 'max_tokens': 40, 'stream': true,"
                + " 'stream_options': {'include_usage': true}}");
    assertThat(reply.header("content-type")).startsWith("text/event-stream");
    List<JsonNode> chunks = reply.chunks();
    assertThat(reply.events().getLast()).isEqualTo("[DONE]");
    JsonNode usage = chunks.getLast();
    assertThat(usage.get("choices").size()).isZero();
    int tokens = usage.at("/usage/completion_tokens").intValue();
    assertThat(chunks).hasSizeBetween(2, tokens + 1);
    String text =
        chunks.stream()
            .limit(chunks.size() - 1)
            .map(chunk -> chunk.at("/choices/0/text").stringValue())
            .collect(Collectors.joining());
    assertThat(text).isEqualTo(TestServer.TEXT);
    JsonNode last = chunks.get(chunks.size() - 2);
    assertThat(last.at("/choices/0/finish_reason").stringValue()).isEqualTo("stop");
    assertThat(chunks.getFirst().has("usage")).isFalse();
  }

  @Test
  void countsInEveryChunkWhenAsked() {
    HttpCalls.Reply reply =
        http.post(
            "/v1/completions",
            "{'prompt': [1, 2], 'max_tokens': 4, 'stream': true,"
                + " 'stream_options': {'include_usage': true, 'continuous_usage_stats': true}}");
    assertThat(reply.chunks())
        .allSatisfy(chunk -> assertThat(chunk.at("/usage/prompt_tokens").intValue()).isEqualTo(2));
  }

  @Test
  void streamsSeveralChoicesSideBySide() {
    HttpCalls.Reply reply =
        http.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 40, 'n': 3, 'stream': true}");
    for (int index = 0; index < 3; index++) {
      int wanted = index;
      String text =
          reply.chunks().stream()
              .filter(chunk -> chunk.at("/choices/0/index").intValue() == wanted)
              .map(chunk -> chunk.at("/choices/0/text").stringValue())
              .collect(Collectors.joining());
      assertThat(text).isEqualTo(TestServer.TEXT);
    }
  }

  @Test
  void framesEventsByteForByte() {
    try (HttpCalls.Raw raw = http.raw()) {
      String head = "x-request-id: abc\r\n";
      String body = "{\"prompt\":[9],\"max_tokens\":1,\"stream\":true}";
      raw.send(
          "POST /v1/completions HTTP/1.1\r\nHost: t\r\n"
              + head
              + "Content-Length: "
              + body.length()
              + "\r\n\r\n"
              + body);
      String reply = raw.readUntil("0\r\n\r\n");
      String content = reply.substring(reply.indexOf("\r\n\r\n") + 4);
      String created = content.replaceAll("(?s).*\"created\":(\\d+).*", "$1");
      String event =
          "data: {\"id\":\"cmpl-abc\",\"object\":\"text_completion\",\"created\":"
              + created
              + ",\"model\":\"krait-tiny\",\"choices\":[{\"index\":0,\"text\":\"Once\","
              + "\"logprobs\":null,\"finish_reason\":\"length\",\"stop_reason\":null,"
              + "\"prompt_logprobs\":null}]}\n\n";
      String done = "data: [DONE]\n\n";
      assertThat(content)
          .isEqualTo(
              Integer.toHexString(event.length())
                  + "\r\n"
                  + event
                  + "\r\n"
                  + Integer.toHexString(done.length())
                  + "\r\n"
                  + done
                  + "\r\n0\r\n\r\n");
      assertThat(reply).contains("transfer-encoding: chunked\r\n").contains(head);
    }
  }

  @Test
  void acceptsUnknownFieldsAndTheOnesOfBenchmarkTools() {
    HttpCalls.Reply reply =
        http.post(
            "/v1/completions",
            "{'model': 'alias', 'prompt': 'a', 'max_tokens': 1, 'repetition_penalty': 1.0,"
                + " 'logprobs': null, 'stop': null, 'n': 1, 'best_guess': {'a': [1]},"
                + " 'store': false, 'metadata': {}, 'service_tier': 'auto', 'user': 'u',"
                + " 'priority': 0, 'top_k': -1, 'logit_bias': {'5': 1}, 'seed': -3,"
                + " 'response_format': {'type': 'text'}, 'suffix': null}");
    assertThat(reply.status()).isEqualTo(200);
  }
}
