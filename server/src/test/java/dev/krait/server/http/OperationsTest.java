package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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
    assertThat(http.get("/version").json().get("version").stringValue()).isEqualTo("test");
    assertThat(http.get("/load").json().get("server_load").intValue()).isZero();
  }

  @Test
  void listsItsModelUnderEveryName() {
    JsonNode json = http.get("/v1/models").json();
    assertThat(json.get("object").stringValue()).isEqualTo("list");
    assertThat(json.at("/data/0/id").stringValue()).isEqualTo("krait-tiny");
    assertThat(json.at("/data/1/id").stringValue()).isEqualTo("alias");
    assertThat(json.at("/data/0/max_model_len").intValue()).isEqualTo(TestServer.MAX_TOKENS);
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
    String words = "once ".repeat(300);
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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "vllm:num_requests_running{engine=\"0\",model_name=\"krait-tiny\"} 0",
        "vllm:num_requests_waiting{engine=\"0\",model_name=\"krait-tiny\"} 0",
        "vllm:num_requests_waiting_by_reason{engine=\"0\",model_name=\"krait-tiny\",reason=\"capacity\"}",
        "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"krait-tiny\"} 0",
        "vllm:gpu_cache_usage_perc{",
        "vllm:cache_config_info{",
        "vllm:prompt_tokens_total{engine=\"0\",model_name=\"krait-tiny\"}",
        "vllm:generation_tokens_total{",
        "vllm:request_success_total{engine=\"0\",finished_reason=\"stop\",model_name=\"krait-tiny\"}",
        "vllm:num_preemptions_total{",
        "vllm:spec_decode_num_drafts_total{",
        "vllm:spec_decode_num_draft_tokens_total{",
        "vllm:spec_decode_num_accepted_tokens_total{",
        "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"krait-tiny\",le=\"0.001\"}",
        "vllm:time_to_first_token_seconds_count{",
        "vllm:inter_token_latency_seconds_sum{",
        "vllm:e2e_request_latency_seconds_bucket{engine=\"0\",model_name=\"krait-tiny\",le=\"0.3\"}",
        "vllm:request_time_per_output_token_seconds_bucket{",
        "vllm:request_queue_time_seconds_bucket{",
        "vllm:request_prefill_time_seconds_bucket{",
        "vllm:request_decode_time_seconds_bucket{",
        "vllm:request_inference_time_seconds_bucket{",
        "vllm:request_prompt_tokens_bucket{",
        "vllm:request_generation_tokens_bucket{",
        "vllm:request_params_n_bucket{",
        "vllm:request_params_max_tokens_bucket{",
        "vllm:iteration_tokens_total_bucket{",
        "krait:state_slots{",
        "krait:state_slots_used{",
        "krait:max_concurrency{",
        "krait:draft_length{",
        "http_requests_total{handler=\"/v1/completions\",method=\"POST\",status=\"2xx\"}",
        "http_request_duration_seconds_bucket{handler=\"/v1/completions\",method=\"POST\"",
        "# TYPE vllm:prompt_tokens_total counter",
      })
  void exportsTheSeriesThatDashboardsKnow(String line) {
    http.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 40}");
    HttpCalls.Reply reply = http.get("/metrics");
    assertThat(reply.header("content-type")).startsWith("text/plain");
    assertThat(reply.text()).contains("\n" + line);
  }

  @Test
  void countsTokensOfFinishedRequests() {
    double before = sample("vllm:generation_tokens_total");
    http.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 3}");
    assertThat(sample("vllm:generation_tokens_total") - before).isEqualTo(3);
  }

  @Test
  void doesNotMakeASeriesOfEveryMethodOrPath() {
    http.call("BREW", "/pot", "");
    assertThat(http.get("/metrics").text())
        .contains("http_requests_total{handler=\"none\",method=\"other\",status=\"4xx\"}")
        .doesNotContain("BREW")
        .doesNotContain("/pot");
  }

  @Test
  void speaksOpenMetricsWhenAsked() {
    HttpCalls.Reply reply = http.get("/metrics", "accept", "application/openmetrics-text");
    assertThat(reply.header("content-type")).startsWith("application/openmetrics-text");
    assertThat(reply.text()).endsWith("# EOF\n");
  }

  private static double sample(String name) {
    for (String line : http.get("/metrics").text().lines().toList()) {
      if (line.startsWith(name + "{")) {
        return Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1));
      }
    }
    throw new AssertionError("no series " + name);
  }
}
