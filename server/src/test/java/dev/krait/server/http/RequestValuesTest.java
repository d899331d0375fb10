package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every field with the values that clients of all kinds put there.
class RequestValuesTest {
  private static final String COMPLETIONS = "/v1/completions";
  private static final String CHAT = "/v1/chat/completions";

  private static final List<String> WHOLE =
      List.of(
          "n",
          "max_tokens",
          "min_tokens",
          "top_k",
          "seed",
          "logprobs",
          "prompt_logprobs",
          "truncate_prompt_tokens",
          "priority",
          "best_of");
  private static final List<String> REAL =
      List.of(
          "temperature",
          "top_p",
          "min_p",
          "presence_penalty",
          "frequency_penalty",
          "repetition_penalty",
          "timeout");
  private static final List<String> OTHER =
      List.of(
          "model",
          "stream",
          "stream_options",
          "stop",
          "stop_token_ids",
          "include_stop_str_in_output",
          "ignore_eos",
          "logit_bias",
          "user",
          "store",
          "metadata",
          "service_tier",
          "cache_salt",
          "vllm_xargs",
          "request_id",
          "echo",
          "suffix",
          "add_special_tokens",
          "skip_special_tokens",
          "spaces_between_special_tokens",
          "truncation_side",
          "return_token_ids",
          "return_tokens_as_token_ids",
          "response_format",
          "structured_outputs",
          "guided_json",
          "guided_regex",
          "guided_choice",
          "guided_grammar",
          "allowed_token_ids",
          "bad_words",
          "prompt_embeds",
          "kv_transfer_params",
          "repetition_detection",
          "thinking_token_budget",
          "use_beam_search",
          "length_penalty");
  private static final List<String> OF_CHATS =
      List.of(
          "max_completion_tokens",
          "top_logprobs",
          "tools",
          "tool_choice",
          "parallel_tool_calls",
          "functions",
          "function_call",
          "audio",
          "modalities",
          "prediction",
          "verbosity",
          "reasoning_effort",
          "include_reasoning",
          "documents",
          "chat_template",
          "chat_template_kwargs",
          "add_generation_prompt",
          "continue_final_message",
          "return_prompt_text");

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

  private static HttpCalls.Reply complete(String fields) {
    return http.post(COMPLETIONS, "{'prompt': 'a'" + fields + "}");
  }

  private static HttpCalls.Reply chat(String fields) {
    return http.post(CHAT, "{'messages': [{'role': 'user', 'content': 'a'}]" + fields + "}");
  }

  private static String nulls(Stream<String> names) {
    StringBuilder fields = new StringBuilder();
    names.forEach(name -> fields.append(", '").append(name).append("': null"));
    return fields.toString();
  }

  private static void assertRefused(HttpCalls.Reply reply, String field) {
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(reply.json().at("/error/param").asString(null)).isEqualTo(field);
    assertThat(reply.json().at("/error/message").stringValue())
        .startsWith(field + ": ")
        .contains("(expected: ")
        .hasSizeLessThan(400);
  }

  @Test
  void nullIsAbsentInEveryFieldOfACompletion() {
    Stream<String> names = Stream.of(WHOLE, REAL, OTHER).flatMap(List::stream);
    HttpCalls.Reply reply = complete(nulls(names));
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    assertThat(reply.json().at("/choices")).isEqualTo(complete("").json().at("/choices"));
  }

  @Test
  void nullIsAbsentInEveryFieldOfAChat() {
    Stream<String> names = Stream.of(WHOLE, REAL, OTHER, OF_CHATS).flatMap(List::stream);
    HttpCalls.Reply reply = chat(nulls(names));
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    assertThat(reply.json().at("/choices")).isEqualTo(chat("").json().at("/choices"));
  }

  static Stream<Arguments> numbersThatAreNone() {
    List<String> forAll =
        List.of(
            "1e400",
            "-1e400",
            "1e300",
            "-1e300",
            "'NaN'",
            "'Infinity'",
            "'-inf'",
            "'1e999'",
            "''",
            "'five'",
            "'0x5'",
            "true",
            "[]",
            "{}",
            "[1]");
    List<String> forWhole = List.of("1.5", "'1.5'", "1e-3", "9".repeat(1000), "-3000000000.5");
    Stream<Arguments> all =
        Stream.concat(WHOLE.stream(), REAL.stream())
            .flatMap(name -> forAll.stream().map(value -> Arguments.of(name, value)));
    return Stream.concat(
        all,
        WHOLE.stream().flatMap(name -> forWhole.stream().map(value -> Arguments.of(name, value))));
  }

  @ParameterizedTest
  @MethodSource("numbersThatAreNone")
  void whatIsNoNumberOfAFieldIsRefusedByName(String field, String value) {
    assertRefused(complete(", '" + field + "': " + value), field);
  }

  @ParameterizedTest
  @ValueSource(strings = {"NaN", "Infinity", "-Infinity", "+1", ".5", "5.", "0x5", "1_000", "٣"})
  void whatIsNoNumberOfJsonIsRefused(String value) {
    HttpCalls.Reply reply = complete(", 'temperature': " + value);
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("json_parse_error");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'max_tokens': 4.0",
        "'max_tokens': 4e0",
        "'max_tokens': '4'",
        "'max_tokens': ' 4 '",
        "'max_tokens': '4.0'",
        "'max_tokens': 4, 'top_k': 40.0",
        "'max_tokens': 4, 'top_k': -1.0",
        "'max_tokens': 4, 'seed': '9223372036854775807'",
        "'max_tokens': 4, 'seed': -9223372036854775808",
        "'max_tokens': 4, 'temperature': '0.5', 'top_p': '1'",
        "'max_tokens': 4, 'temperature': -0.0, 'top_p': -0.0, 'min_p': -0.0",
        "'max_tokens': 4, 'temperature': 1e-400, 'top_p': 1e-300, 'presence_penalty': -0.0",
        "'max_tokens': 4, 'min_tokens': -0.0, 'priority': -0, 'n': 1.0, 'best_of': '1'",
        "'max_tokens': 4, 'logit_bias': {'5': '1', '6': -1.0}",
        "'max_tokens': 4, 'truncate_prompt_tokens': '-1', 'timeout': '5'",
        "'max_tokens': 4, 'stop_token_ids': [5.0]",
        "'max_tokens': 4, 'nobody_knows': {'n': 5}, 'Temperature': 'hot'",
      })
  void numbersAreTakenAsVllmTakesThem(String fields) {
    HttpCalls.Reply reply = complete(", " + fields);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    assertThat(reply.json().at("/usage/completion_tokens").intValue()).isEqualTo(4);
  }

  @Test
  void idsOfAPromptAreNumbers() {
    assertRefused(http.post(COMPLETIONS, "{'prompt': [5, '6']}"), "prompt[1]");
    assertThat(http.post(COMPLETIONS, "{'prompt': [5, 6.0]}").status()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"n", "prompt", "temperature", "nobody_knows"})
  void aFieldThatIsGivenTwiceIsRefused(String name) {
    HttpCalls.Reply reply = complete(", '" + name + "': 1, '" + name + "': 1");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/message").stringValue()).contains('"' + name + '"');
  }

  @Test
  void aTokenThatIsBiasedTwiceIsRefused() {
    assertRefused(complete(", 'logit_bias': {'1': 5, '01': -5}"), "logit_bias");
    assertRefused(complete(", 'logit_bias': {'-0': 5, '0': 5}"), "logit_bias");
  }

  @ParameterizedTest
  @ValueSource(strings = {"'n': 2, 'best_of': 3", "'n': 2, 'best_of': 1", "'best_of': 0"})
  void bestOfIsNButNothingElse(String fields) {
    assertThat(complete(", 'n': 2, 'best_of': 2").status()).isEqualTo(200);
    HttpCalls.Reply reply = complete(", " + fields);
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("best_of");
  }

  @Test
  void aPriorityIsForTheOperatorToAllow() {
    assertRefused(complete(", 'priority': -1"), "priority");
    assertRefused(chat(", 'priority': 1"), "priority");
    assertThat(complete(", 'priority': 0").status()).isEqualTo(200);
    try (TestServer other = TestServer.start(TestServer::withPriorities)) {
      String body = "{'prompt': 'a', 'priority': -1}";
      assertThat(other.http().post(COMPLETIONS, body).status()).isEqualTo(200);
    }
  }

  @Test
  void theFieldOfAChatThatIsAtFaultIsTheOneThatWasSent() {
    assertRefused(chat(", 'max_completion_tokens': -1"), "max_completion_tokens");
    assertRefused(chat(", 'max_tokens': -1"), "max_tokens");
  }

  @Test
  void aMessageRepeatsTheStartOfAValue() {
    String name = "x".repeat(50_000);
    for (String field : List.of("model", "tool_choice", "truncation_side", "timeout")) {
      HttpCalls.Reply reply = chat(", '" + field + "': '" + name + "'");
      assertThat(reply.text()).as(field).hasSizeLessThan(600);
      assertThat(reply.json().at("/error/param").stringValue()).isEqualTo(field);
    }
    assertThat(complete(", 'logit_bias': {'" + "1".repeat(200) + "': 1}").text())
        .hasSizeLessThan(600);
    assertThat(http.get("/" + "x".repeat(2000)).text()).hasSizeLessThan(600);
    assertThat(complete(", 'model': 'a\\nb\\u2028c'").json().at("/error/message").stringValue())
        .contains("a b c");
  }

  @Test
  void malformedJsonIsExplainedInOneSentence() {
    for (String body :
        List.of("{'prompt': ", "{'prompt': 'a'", "{'a': tru}", "{'a': " + "[".repeat(99))) {
      String message = http.post(COMPLETIONS, body).json().at("/error/message").stringValue();
      assertThat(message)
          .startsWith("body: malformed JSON")
          .doesNotContain("Source", "REDACTED", "StreamRead", "\n")
          .hasSizeLessThan(300);
    }
  }

  @Test
  void aPromptThatIsTooLongIsRefusedInTheWordsOfOpenAi() {
    String ids = "[5" + ", 5".repeat(63) + "]";
    assertTooLong(http.post(COMPLETIONS, "{'prompt': " + ids + ", 'max_tokens': 1}"), "prompt");
    assertTooLong(complete(", 'max_tokens': 64"), "prompt");
    assertTooLong(complete(", 'max_tokens': 2147483647"), "prompt");
    assertTooLong(complete(", 'max_tokens': 64, 'truncate_prompt_tokens': -1"), "prompt");
    assertTooLong(chat(", 'max_completion_tokens': 60"), "messages");
    String words = "once ".repeat(80);
    String message = "{'messages': [{'role': 'user', 'content': '" + words;
    assertTooLong(http.post(CHAT, message + "'}]}"), "messages");
    assertTooLong(http.post(CHAT, message + "once ".repeat(9000) + "'}]}"), "messages");
    assertThat(complete(", 'max_tokens': 63").status()).isEqualTo(200);
  }

  private static void assertTooLong(HttpCalls.Reply reply, String field) {
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("context_length_exceeded");
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo(field);
    assertThat(reply.json().at("/error/message").stringValue())
        .startsWith("This model's maximum context length is 64 tokens. However, you requested ")
        .contains("in the " + field)
        .endsWith(
            " Please reduce the length of the "
                + field
                + " or the completion: the prompt is too long.");
  }
}
