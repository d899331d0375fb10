package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.engine.Engine;
import dev.krait.engine.EngineConfig;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.generation.TokenStream;
import dev.krait.server.KraitServer;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.TestServer;
import dev.krait.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Tag("slow")
class ShippedModelTest {
  private static final int VOCABULARY = 4096;

  private static KraitServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server =
        ShippedServer.start(
            TestServer.modelFolder(),
            set -> {
              set.maxSequences = 4;
              set.maxWaiting = 8;
              set.maxDraftTokens = 4;
            });
    http = new HttpCalls(server.port());
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void aPromptThatWasSeenIsFoundAndAnsweredAlike() {
    String story = "Once upon a time there was a little snake who lived under a stone. ".repeat(12);
    List<String> texts = new ArrayList<>();
    List<Integer> found = new ArrayList<>();
    for (String end : List.of("One day", "One day", "Its friend", "Its friend")) {
      String body = "{'prompt': '" + story + end + "', 'max_tokens': 20, 'temperature': 0}";
      HttpCalls.Reply reply = http.post("/v1/completions", body);
      assertThat(reply.status()).as(reply.text()).isEqualTo(200);
      texts.add(reply.json().at("/choices/0/text").asString());
      found.add(reply.json().at("/usage/prompt_tokens_details/cached_tokens").intValue());
      assertThat(found.getLast()).isLessThan(reply.json().at("/usage/prompt_tokens").intValue());
    }
    assertThat(found.getFirst()).as("at most what other tests began alike").isLessThan(16);
    assertThat(found.get(1)).isGreaterThan(100);
    assertThat(found.get(2)).as("a prompt that shares its last boundary").isEqualTo(found.get(1));
    assertThat(texts.get(1)).isEqualTo(texts.get(0));
    assertThat(texts.get(3)).isEqualTo(texts.get(2)).isNotEqualTo(texts.get(0));
  }

  @Test
  void asManySequencesAsRunAndWaitTogetherAreAccepted() {
    for (int round = 0; round < 3; round++) {
      HttpCalls.Reply reply =
          http.post("/v1/completions", "{'prompt': 'Once', 'max_tokens': 3, 'n': 12}");
      assertThat(reply.status()).as(reply.text()).isEqualTo(200);
      assertThat(reply.json().get("choices").size()).isEqualTo(12);
    }
  }

  @Test
  void moreSequencesThanCanEverRunAndWaitAreABadRequest() {
    HttpCalls.Reply reply = http.post("/v1/completions", "{'prompt': 'Once', 'n': 13}");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("n");
    assertThat(reply.json().at("/error/message").stringValue()).contains("at most 12");
  }

  @Test
  void allPromptLogprobsAreTheWholeDistribution() {
    String body = "{'prompt': [50, 60, 70], 'max_tokens': 1, 'temperature': 0, 'prompt_logprobs': ";
    JsonNode all =
        http.post("/v1/completions", body + "-1}").json().at("/choices/0/prompt_logprobs");
    JsonNode some =
        http.post("/v1/completions", body + "5}").json().at("/choices/0/prompt_logprobs");
    assertThat(all.size()).isEqualTo(3);
    assertThat(all.get(0).isNull()).isTrue();
    for (int position = 1; position < 3; position++) {
      JsonNode values = all.get(position);
      assertThat(values.size()).isEqualTo(VOCABULARY);
      double mass = 0;
      for (JsonNode value : values.values()) {
        mass += Math.exp(value.get("logprob").doubleValue());
      }
      assertThat(mass).isBetween(0.999, 1.001);
      for (Map.Entry<String, JsonNode> entry : some.get(position).properties()) {
        assertThat(values.get(entry.getKey())).isEqualTo(entry.getValue());
      }
    }
  }

  @Test
  void allPromptLogprobsDoNotChangeTheOtherArrays() {
    String body =
        "{'prompt': [50, 60, 70], 'max_tokens': 1, 'temperature': 0, 'echo': true, 'logprobs': 1";
    JsonNode plain = http.post("/v1/completions", body + "}").json().at("/choices/0/logprobs");
    JsonNode all =
        http.post("/v1/completions", body + ", 'prompt_logprobs': -1}")
            .json()
            .at("/choices/0/logprobs");
    assertThat(all).isEqualTo(plain);
    assertThat(all.at("/top_logprobs/1").size()).isBetween(1, 2);
  }

  @Test
  void allPromptLogprobsOfALongPromptAreRefusedWithTheBound() {
    String prompt = "[50" + ", 60".repeat(128) + "]";
    HttpCalls.Reply reply =
        http.post(
            "/v1/completions",
            "{'prompt': " + prompt + ", 'max_tokens': 1, 'n': 2, 'prompt_logprobs': -1}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("prompt_logprobs");
    assertThat(reply.json().at("/error/message").stringValue())
        .contains("4096 of the vocabulary for 258 prompt tokens")
        .contains("1048576 values, which are 256 prompt tokens");
  }

  @Test
  void tokenizesTextBeyondTheContext() {
    int context = server.model().info().maxTokens();
    String text = "a b c ".repeat(context);
    HttpCalls.Reply reply = http.post("/tokenize", "{'prompt': '" + text + "'}");
    assertThat(reply.status()).isEqualTo(200);
    assertThat(reply.json().get("count").intValue()).isGreaterThan(2 * context);
    HttpCalls.Reply cut =
        http.post(
            "/v1/completions",
            "{'prompt': '" + text + "', 'max_tokens': 1, 'truncate_prompt_tokens': 9}");
    assertThat(cut.json().at("/usage/prompt_tokens").intValue()).isEqualTo(9);
  }

  @Test
  void idsAndLogprobsOverHttpAreThoseInProcess() {
    List<SamplingParams> ways =
        List.of(
            SamplingParams.of(set -> {
              set.logprobs = 2;
              set.promptLogprobs = 2;
            }),
            SamplingParams.of(set -> {
              set.temperature = 0.8f;
              set.topK = 50;
              set.topP = 0.95f;
              set.minP = 0.01f;
              set.seed = 7;
              set.repetitionPenalty = 1.1f;
              set.presencePenalty = 0.5f;
              set.frequencyPenalty = 0.25f;
              set.logprobs = 2;
              set.promptLogprobs = 2;
            }));
    List<String> texts = List.of("Once upon a time", "The snake", "<|user|>\nHello<|end|>\n");
    try (Tokenizer tokenizer = Tokenizer.open(TestServer.modelFolder());
        Engine engine = Engine.open(EngineConfig.of(TestServer.modelFolder()))) {
      for (SamplingParams way : ways) {
        for (String text : texts) {
          TokenIds prompt = TokenIds.of(tokenizer.encode(text, true));
          assertThat(overHttp(prompt, way)).isEqualTo(inProcess(engine, prompt, way));
        }
      }
    }
  }

  /// What a generation reports, bit for bit: logprobs begin with the second token of the prompt.
  private record Report(List<Integer> ids, List<Float> logprobs, List<Map<Integer, Float>> top) {
    Report() {
      this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    }

    void add(TokenLogprobs position) {
      logprobs.add(position.logprob());
      Map<Integer, Float> alternatives = new HashMap<>();
      alternatives.put(position.tokenId(), position.logprob());
      for (int i = 0; i < position.topCount(); i++) {
        alternatives.put(position.topId(i), position.topLogprob(i));
      }
      top.add(alternatives);
    }
  }

  private static Report inProcess(Engine engine, TokenIds prompt, SamplingParams sampling) {
    StopConditions stop = new StopConditions(40, 0, TokenIds.empty());
    TokenStream stream =
        engine.handle().submit(GenerationRequest.of("test", prompt, sampling, stop));
    Report report = new Report();
    while (true) {
      switch (stream.next()) {
        case GenerationEvent.PromptLogprobs values -> values.values().forEach(report::add);
        case GenerationEvent.Tokens tokens -> {
          for (int i = 0; i < tokens.ids().size(); i++) {
            report.ids.add(tokens.ids().at(i));
          }
          tokens.logprobs().forEach(report::add);
        }
        case GenerationEvent.End end -> {
          assertThat(end).isInstanceOf(GenerationEvent.Finished.class);
          return report;
        }
      }
    }
  }

  private static Report overHttp(TokenIds prompt, SamplingParams sampling) {
    ObjectNode body =
        JsonMapper.shared()
            .createObjectNode()
            .put("max_tokens", 40)
            .put("ignore_eos", true)
            .put("echo", true)
            .put("logprobs", 2)
            .put("return_token_ids", true)
            .put("return_tokens_as_token_ids", true)
            .put("temperature", sampling.temperature())
            .put("top_k", sampling.topK())
            .put("top_p", sampling.topP())
            .put("min_p", sampling.minP())
            .put("seed", sampling.seed())
            .put("repetition_penalty", sampling.repetitionPenalty())
            .put("presence_penalty", sampling.presencePenalty())
            .put("frequency_penalty", sampling.frequencyPenalty());
    ArrayNode ids = body.putArray("prompt");
    Arrays.stream(prompt.toArray()).forEach(ids::add);
    JsonNode choice = http.post("/v1/completions", body.toString()).json().at("/choices/0");
    Report report = new Report();
    choice.get("token_ids").values().forEach(id -> report.ids.add(id.intValue()));
    JsonNode logprobs = choice.get("logprobs");
    for (int i = 1; i < logprobs.get("tokens").size(); i++) {
      report.logprobs.add(Float.parseFloat(logprobs.get("token_logprobs").get(i).toString()));
      Map<Integer, Float> alternatives = new HashMap<>();
      for (Map.Entry<String, JsonNode> entry : logprobs.get("top_logprobs").get(i).properties()) {
        int id = Integer.parseInt(entry.getKey().substring("token_id:".length()));
        alternatives.put(id, Float.parseFloat(entry.getValue().toString()));
      }
      report.top.add(alternatives);
    }
    return report;
  }
}
