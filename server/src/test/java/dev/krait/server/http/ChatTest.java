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

class ChatTest {
  private static final String HELLO = "'messages': [{'role': 'user', 'content': 'Hello'}]";
  private static final String RENDERED = "<|user|>\\nHello<|end|>\\n<|assistant|>\\n";

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
  void answersWithAMessage() {
    JsonNode json = http.post("/v1/chat/completions", "{" + HELLO + "}").json();
    assertThat(json.at("/object").stringValue()).isEqualTo("chat.completion");
    assertThat(json.at("/id").stringValue()).startsWith("chatcmpl-");
    assertThat(json.at("/choices/0/message/role").stringValue()).isEqualTo("assistant");
    assertThat(json.at("/choices/0/message/content").stringValue()).isEqualTo(TestServer.TEXT);
    assertThat(json.at("/choices/0/finish_reason").stringValue()).isEqualTo("stop");
    int prompt =
        http.post("/tokenize", "{'prompt': '" + RENDERED + "'}").json().get("count").intValue();
    assertThat(json.at("/usage/prompt_tokens").intValue()).isEqualTo(prompt);
  }

  @Test
  void generatesWhatTheContextLeavesUnlessToldOtherwise() {
    JsonNode json = http.post("/v1/chat/completions", "{" + HELLO + ", 'ignore_eos': true}").json();
    assertThat(json.at("/usage/total_tokens").intValue()).isEqualTo(TestServer.MAX_TOKENS);
    assertThat(json.at("/choices/0/finish_reason").stringValue()).isEqualTo("length");
  }

  @Test
  void theNewerNameOfTheLimitWins() {
    JsonNode json =
        http.post(
                "/v1/chat/completions",
                "{" + HELLO + ", 'max_completion_tokens': 2, 'max_tokens': 5}")
            .json();
    assertThat(json.at("/usage/completion_tokens").intValue()).isEqualTo(2);
  }

  @Test
  void joinsTextParts() {
    JsonNode parts =
        http.post(
                "/tokenize",
                "{'messages': [{'role': 'user', 'content': [{'type': 'text', 'text': 'Hello'}]}]}")
            .json();
    JsonNode plain = http.post("/tokenize", "{" + HELLO + "}").json();
    assertThat(parts.get("tokens")).isEqualTo(plain.get("tokens"));
  }

  @Test
  void takesAToolTurnAsClientsSendItBack() {
    String turn =
        "{'role': 'assistant', 'content': null, 'refusal': null, 'tool_calls': [{'id': 'c1',"
            + " 'type': 'function', 'function': {'name': 'f', 'arguments': '{}'}}]},"
            + " {'role': 'tool', 'tool_call_id': 'c1', 'content': 'sunny'}";
    JsonNode given = http.post("/tokenize", "{'messages': [" + turn + "]}").json();
    JsonNode plain =
        http.post(
                "/tokenize",
                "{'messages': [{'role': 'assistant', 'content': ''},"
                    + " {'role': 'tool', 'content': 'sunny'}]}")
            .json();
    assertThat(given.get("tokens")).isEqualTo(plain.get("tokens"));
  }

  @Test
  void saysThatTheTemplateDoesNotUseTools() {
    HttpCalls.Reply reply =
        http.post(
            "/v1/chat/completions",
            "{" + HELLO + ", 'tools': [{'type': 'function', 'function': {'name': 'f'}}]}");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("tools");
    assertThat(reply.json().at("/error/message").stringValue()).contains("does not use tools");
  }

  @Test
  void repeatsThePartsOfTheLastMessageOnLinesOfTheirOwn() {
    JsonNode json =
        http.post(
                "/v1/chat/completions",
                "{'messages': [{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}, 'b']}],"
                    + " 'echo': true}")
            .json();
    assertThat(json.at("/choices/0/message/content").stringValue())
        .isEqualTo("a\nb" + TestServer.TEXT);
  }

  @Test
  void beginsTheStreamWithTheRoleTogetherWithTheFirstToken() {
    HttpCalls.Reply reply = http.post("/v1/chat/completions", "{" + HELLO + ", 'stream': true}");
    List<JsonNode> chunks = reply.chunks();
    JsonNode first = chunks.getFirst().at("/choices/0");
    assertThat(first.at("/delta/role").stringValue()).isEqualTo("assistant");
    assertThat(first.at("/delta/content").stringValue()).isEmpty();
    assertThat(first.get("finish_reason").isNull()).isTrue();
    assertThat(chunks.get(1).at("/choices/0/delta").has("role")).isFalse();
    String text =
        chunks.stream()
            .map(chunk -> chunk.at("/choices/0/delta/content").stringValue())
            .collect(Collectors.joining());
    assertThat(text).isEqualTo(TestServer.TEXT);
    assertThat(chunks.getLast().at("/choices/0/finish_reason").stringValue()).isEqualTo("stop");
    assertThat(chunks)
        .allSatisfy(chunk ->
            assertThat(chunk.get("object").stringValue()).isEqualTo("chat.completion.chunk"));
    assertThat(reply.events().getLast()).isEqualTo("[DONE]");
  }

  @Test
  void sendsNothingBeforeTheFirstToken() {
    server.runner().hold();
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post("/v1/chat/completions", "{" + HELLO + ", 'stream': true, 'max_tokens': 2}");
      server.runner().permit(1);
      String first = raw.readUntil("}\n\n\r\n");
      first += raw.readUntil("}\n\n\r\n");
      assertThat(first).contains("\"role\":\"assistant\"").contains("\"content\":\"Once\"");
    } finally {
      server.runner().release();
    }
  }

  @Test
  void reportsLogprobsWithBytesAndAlternatives() {
    JsonNode json =
        http.post(
                "/v1/chat/completions",
                "{" + HELLO + ", 'max_tokens': 2, 'logprobs': true, 'top_logprobs': 2}")
            .json();
    JsonNode content = json.at("/choices/0/logprobs/content");
    assertThat(content.size()).isEqualTo(2);
    assertThat(content.at("/0/token").stringValue()).isEqualTo("Once");
    assertThat(content.at("/0/bytes").toString()).isEqualTo("[79,110,99,101]");
    assertThat(content.at("/0/logprob").floatValue()).isEqualTo(-1f);
    assertThat(content.at("/0/top_logprobs").size()).isEqualTo(2);
  }

  @Test
  void continuesTheLastMessageAndEchoesIt() {
    JsonNode json =
        http.post(
                "/v1/chat/completions",
                "{'messages': [{'role': 'user', 'content': 'Hello'},"
                    + " {'role': 'assistant', 'content': 'Well: '}],"
                    + " 'continue_final_message': true, 'echo': true}")
            .json();
    assertThat(json.at("/choices/0/message/content").stringValue())
        .isEqualTo("Well: " + TestServer.TEXT);
  }

  @Test
  void toleratesWhatLangchainSends() {
    HttpCalls.Reply reply =
        http.post(
            "/v1/chat/completions",
            "{ 'model' : 'krait-tiny', "
                + HELLO
                + ", 'stream': true,"
                + " 'stream_options': {'include_usage': true}, 'parallel_tool_calls': true,"
                + " 'tool_choice': 'auto', 'store': true, 'reasoning_effort': 'low',"
                + " 'logit_bias': {'50': -1}, 'max_tokens': 3}");
    assertThat(reply.status()).isEqualTo(200);
    assertThat(reply.chunks().getLast().at("/usage/completion_tokens").intValue()).isEqualTo(3);
  }

  @Test
  void refusesATemplateOfTheRequestUnlessTrusted() {
    String body = "{" + HELLO + ", 'chat_template': 'hi'}";
    HttpCalls.Reply refused = http.post("/v1/chat/completions", body);
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.json().at("/error/param").stringValue()).isEqualTo("chat_template");
    try (TestServer trusting = TestServer.start(TestServer::trusting)) {
      HttpCalls.Reply used = trusting.http().post("/tokenize", body);
      assertThat(used.json().get("tokens"))
          .isEqualTo(http.post("/tokenize", "{'prompt': 'hi'}").json().get("tokens"));
    }
  }

  @Test
  void saysWhyTheTemplateFailedOnAMessage() {
    try (TestServer trusting = TestServer.start(TestServer::trusting)) {
      HttpCalls.Reply reply =
          trusting
              .http()
              .post(
                  "/v1/chat/completions",
                  "{" + HELLO + ", 'chat_template': '{{ messages[0].role + none }}'}");
      assertThat(reply.status()).isEqualTo(400);
      assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("messages");
      assertThat(reply.json().at("/error/message").stringValue())
          .startsWith("messages: the chat template failed: can only concatenate str")
          .contains("(not \"NoneType\") to str");
    }
  }

  @Test
  void givesATemplateOfTheRequestThePartsThatItReadsAndTheSpecialTokens() {
    try (TestServer trusting = TestServer.start(TestServer::trusting)) {
      String template =
          "{% for m in messages %}{% for p in m.content %}{{ p.text }}{{ pad_token }}"
              + "{% endfor %}{% endfor %}";
      JsonNode used =
          trusting
              .http()
              .post(
                  "/tokenize",
                  "{'messages': [{'role': 'user', 'content': [{'type': 'input_text', 'text': 'a'},"
                      + " 'b']}, {'role': 'user', 'content': 'c'}], 'chat_template': '"
                      + template
                      + "'}")
              .json();
      String text = "a<|endoftext|>b<|endoftext|>c<|endoftext|>";
      assertThat(used.get("tokens"))
          .isEqualTo(http.post("/tokenize", "{'prompt': '" + text + "'}").json().get("tokens"));
    }
  }

  @Test
  void refusesAHostileTemplate() {
    try (TestServer trusting = TestServer.start(TestServer::trusting)) {
      String loop =
          "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
      HttpCalls.Reply reply =
          trusting
              .http()
              .post("/v1/chat/completions", "{" + HELLO + ", 'chat_template': '" + loop + "'}");
      assertThat(reply.status()).isEqualTo(400);
    }
  }
}
