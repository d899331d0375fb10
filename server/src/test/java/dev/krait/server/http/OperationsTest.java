package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class OperationsTest {
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
  void isHealthyOnceItServes() {
    assertThat(http.get("/health").status()).isEqualTo(200);
    assertThat(http.get("/ping").status()).isEqualTo(200);
    assertThat(http.get("/livez").status()).isEqualTo(200);
    assertThat(http.get("/readyz").status()).isEqualTo(200);
    assertThat(http.get("/version").json().get("version").stringValue()).isEqualTo("test");
    assertThat(http.get("/load").json().get("server_load").intValue()).isZero();
  }

  @Test
  void what_is_kept_with_a_salt_is_found_with_it_alone_until_it_is_forgotten() {
    http.post("/reset_prefix_cache", "");
    assertThat(cached("'cache_salt': 'a'")).isZero();
    assertThat(cached("'cache_salt': 'a'")).isPositive();
    assertThat(cached("'cache_salt': 'b'")).isZero();
    assertThat(cached("'user': 'a'")).isZero();
    assertThat(http.post("/reset_prefix_cache", "").json().get("freed").intValue()).isPositive();
    assertThat(cached("'cache_salt': 'a'")).isZero();
    String salt = "x".repeat(257);
    HttpCalls.Reply refused =
        http.post("/v1/completions", "{'prompt': 'a', 'cache_salt': '" + salt + "'}");
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.text()).contains("cache_salt: 257 characters (expected: at most 256)");
  }

  private static int cached(String field) {
    String prompt = "once ".repeat(60);
    return http.post(
            "/v1/completions", "{'prompt': '" + prompt + "', 'max_tokens': 1, " + field + "}")
        .json()
        .at("/usage/prompt_tokens_details/cached_tokens")
        .intValue();
  }

  @Test
  void listsItsModelUnderEveryName() {
    JsonNode json = http.get("/v1/models").json();
    assertThat(json.get("object").stringValue()).isEqualTo("list");
    assertThat(json.at("/data/0/id").stringValue()).isEqualTo("krait-tiny");
    assertThat(json.at("/data/1/id").stringValue()).isEqualTo("alias");
    assertThat(json.at("/data/0/max_model_len").intValue()).isEqualTo(TestServer.MAX_TOKENS);
    assertThat(json.at("/data/0/numerics").stringValue()).isEqualTo("exact");
    assertThat(http.get("/v1/models/alias").json().get("object").stringValue()).isEqualTo("model");
    assertThat(http.get("/v1/models/other").status()).isEqualTo(404);
  }

  @Test
  void turnsTextIntoTokensAndBack() {
    JsonNode json =
        http.post("/tokenize", "{'prompt': 'Once upon', 'return_token_strs': true}").json();
    assertThat(json.get("count").intValue()).isEqualTo(json.get("tokens").size());
    assertThat(json.get("max_model_len").intValue()).isEqualTo(TestServer.MAX_TOKENS);
    assertThat(json.at("/token_strs/0").stringValue()).isEqualTo("Once");
    String tokens = json.get("tokens").toString();
    assertThat(http.post("/detokenize", "{'tokens': " + tokens + "}").text())
        .isEqualTo("{\"prompt\":\"Once upon\"}");
  }

  @Test
  void tokenizesMoreThanTheModelCanRead() {
    String words = "once ".repeat(150);
    assertThat(http.post("/tokenize", "{'prompt': '" + words + "'}").json().get("count").intValue())
        .isGreaterThan(TestServer.MAX_TOKENS);
  }

  @Test
  void rendersConversations() {
    String chat = "'messages': [{'role': 'user', 'content': 'Hi'}]";
    String opened = http.post("/tokenize", "{" + chat + "}").json().get("tokens").toString();
    assertThat(
            http.post("/detokenize", "{'tokens': " + opened + "}")
                .json()
                .get("prompt")
                .stringValue())
        .isEqualTo("<|user|>\nHi<|end|>\n<|assistant|>\n");
    String closed =
        http.post("/tokenize", "{" + chat + ", 'add_generation_prompt': false}")
            .json()
            .get("tokens")
            .toString();
    assertThat(
            http.post("/detokenize", "{'tokens': " + closed + "}")
                .json()
                .get("prompt")
                .stringValue())
        .isEqualTo("<|user|>\nHi<|end|>\n");
  }

  @Test
  void refusesTokensOutsideOfTheVocabulary() {
    assertThat(http.post("/detokenize", "{'tokens': [4096]}").status()).isEqualTo(400);
    assertThat(http.post("/detokenize", "{'tokens': 'x'}").status()).isEqualTo(400);
    assertThat(http.post("/detokenize", "{}").status()).isEqualTo(400);
    assertThat(http.post("/tokenize", "{}").status()).isEqualTo(400);
  }

  @Test
  void describesItsTokenizer() {
    JsonNode json = http.get("/tokenizer_info").json();
    assertThat(json.get("eos_token").stringValue()).isEqualTo("<|end|>");
    assertThat(json.get("chat_template").isString()).isTrue();
  }

  @Test
  void saysThatNothingIsDrafted() {
    assertThat(http.get("/v1/speculation").status()).isEqualTo(404);
  }
}
