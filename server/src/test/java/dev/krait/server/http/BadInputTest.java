package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BadInputTest {
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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "max_tokens | -1",
        "max_tokens | 5.5",
        "max_tokens | true",
        "max_tokens | 99999999999",
        "temperature | -0.1",
        "temperature | 'hot'",
        "top_p | 1.5",
        "top_k | -2",
        "min_p | 2",
        "n | 0",
        "n | 129",
        "n | 1e400",
        "seed | 1.5",
        "seed | 99999999999999999999",
        "stop | 5",
        "stop | ['']",
        "stop | [5]",
        "stop_token_ids | 5",
        "stop_token_ids | [-1]",
        "stop_token_ids | [4096]",
        "stop_token_ids | ['a']",
        "presence_penalty | 3",
        "frequency_penalty | -3",
        "repetition_penalty | 0",
        "logit_bias | {'x': 1}",
        "logit_bias | {'4096': 1}",
        "logit_bias | {'5': 101}",
        "logit_bias | 5",
        "logprobs | 21",
        "logprobs | -2",
        "logprobs | true",
        "prompt_logprobs | -2",
        "prompt_logprobs | 21",
        "prompt_logprobs | 2147483647",
        "response_format | {'type': 'xml'}",
        "truncation_side | 'middle'",
        "spaces_between_special_tokens | 1",
        "min_tokens | 17",
        "min_tokens | -1",
        "echo | 1",
        "stream | 'yes'",
        "stream_options | {'include_usage': true}",
        "truncate_prompt_tokens | 0",
        "timeout | 0",
        "timeout | -1.5",
        "timeout | 1e9",
        "prompt | null",
        "prompt | []",
        "prompt | ['']",
        "prompt | ''",
        "prompt | 5",
        "prompt | {}",
        "prompt | [5, -1]",
        "prompt | [5, 4096]",
        "prompt | [5, 'a']",
        "prompt | [[5], []]",
        "prompt | [5, 1.5]",
        "model | 5",
        "user_x | 1e400",
      })
  void refusesWrongValues(String field, String value) {
    String given = value == null ? "''" : value;
    String prompt = field.equals("prompt") ? "" : "'prompt': 'a', ";
    HttpCalls.Reply reply =
        http.post("/v1/completions", "{" + prompt + "'" + field + "': " + given + "}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/message").stringValue()).isNotBlank();
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(reply.json().at("/error/code").isString()).isTrue();
    assertThat(reply.json().at("/error/param").asString(null)).startsWith(field);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "messages | null",
        "messages | []",
        "messages | 'hi'",
        "messages | ['hi']",
        "messages | [{'content': 'a'}]",
        "messages | [{'role': 5, 'content': 'a'}]",
        "messages | [{'role': 'user', 'content': 5}]",
        "messages | [{'role': 'user', 'content': [{'type': 'image_url', 'image_url': {}}]}]",
        "messages | [{'role': 'user', 'content': [{'type': 'text'}]}]",
        "top_logprobs | 3",
        "tools | 'none'",
        "tools | [5]",
        "tools | [{'type': 'function', 'function': {'name': 'f'}}]",
        "messages | [{'role': 'assistant', 'tool_calls': 'x'}]",
        "messages | [{'role': 'assistant', 'tool_calls': [{'function': {'arguments': '{'}}]}]",
        "chat_template_kwargs | {'messages': []}",
        "chat_template_kwargs | {'chat_template': 'x'}",
        "tool_choice | 'always'",
        "tool_choice | 5",
        "tool_choice | 'required'",
        "tool_choice | {'type': 'function', 'function': {'name': 'f'}}",
        "parallel_tool_calls | 'yes'",
        "max_completion_tokens | -1",
        "timeout | 0",
      })
  void refusesWrongChats(String field, String value) {
    String messages =
        field.equals("messages") ? "" : "'messages': [{'role': 'user', 'content': 'a'}], ";
    HttpCalls.Reply reply =
        http.post("/v1/chat/completions", "{" + messages + "'" + field + "': " + value + "}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).startsWith(field);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'use_beam_search': true",
        "'suffix': 'end'",
        "'bad_words': ['x']",
        "'allowed_token_ids': [1]",
        "'response_format': {'type': 'structural_tag'}",
        "'truncation_side': 'right'",
        "'kv_transfer_params': {'do_remote_decode': true}",
        "'thinking_token_budget': 5",
        "'repetition_detection': {'max_pattern_size': 5}",
      })
  void saysWhatItCannotDo(String field) {
    HttpCalls.Reply reply = http.post("/v1/completions", "{'prompt': 'a', " + field + "}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("unsupported_value");
    assertThat(field)
        .startsWith("'" + reply.json().at("/error/param").stringValue().replaceAll("\\..*", ""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'response_format': {'type': 'structural_tag'}",
        "'bad_words': ['x']",
        "'audio': {'voice': 'x'}",
        "'return_prompt_text': true",
      })
  void saysWhatItCannotDoInAChat(String field) {
    HttpCalls.Reply reply =
        http.post(
            "/v1/chat/completions",
            "{'messages': [{'role': 'user', 'content': 'a'}], " + field + "}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("unsupported_value");
    assertThat(field)
        .startsWith("'" + reply.json().at("/error/param").stringValue().replaceAll("\\..*", ""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'tool_choice': 'auto', 'parallel_tool_calls': true",
        "'tool_choice': 'none', 'parallel_tool_calls': false",
        "'tool_choice': null, 'tools': []",
        "'logit_bias': {'5': -100}, 'include_reasoning': true, 'return_prompt_text': false",
        "'spaces_between_special_tokens': true, 'truncation_side': 'left', 'length_penalty': 1.0",
        "'cache_salt': 'x', 'vllm_xargs': {'a': 1}, 'response_format': {'type': 'text'}",
      })
  void acceptsWhatAsksForNothing(String field) {
    HttpCalls.Reply reply =
        http.post(
            "/v1/chat/completions",
            "{'messages': [{'role': 'user', 'content': 'a'}], 'max_tokens': 2, " + field + "}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "null",
        "[]",
        "5",
        "'text'",
        "{'prompt': 'a'} {}",
        "{'prompt': 'a'} x",
        "{'prompt': 'a',}",
        "{'prompt': 'a', 'prompt': 'b'}",
        "{prompt: 'a'}",
        "{'prompt': 'a' /* no */}",
        "{'prompt': NaN}",
        "{'prompt': Infinity}",
        "{'prompt': 'a', 'n': 01}",
        "{'prompt': 'a', 'n': +1}",
        "{'prompt': 'a\nb'}",
        "{'prompt': 'a\\x'}",
        "{'prompt': '\\u12'}",
        "{'prompt': '\\ud800'}",
        "{'prompt': '\\udc00x'}",
        "\uFEFF{'prompt': 'a'}",
        "{'\\ud800': 1, 'prompt': 'a'}",
      })
  void refusesMalformedJson(String body) {
    HttpCalls.Reply reply = http.post("/v1/completions", body);
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("json_parse_error");
    assertThat(reply.json().at("/error/param").isNull()).isTrue();
  }

  @Test
  void saysWhereJsonIsMalformed() {
    HttpCalls.Reply reply = http.post("/v1/completions", "{'prompt': 'a',\n 'n': x}");
    assertThat(reply.json().at("/error/message").stringValue()).contains("line 2, column 7");
  }

  @Test
  void refusesDeepNesting() {
    String deep = "[".repeat(20_000) + "]".repeat(20_000);
    assertThat(http.post("/v1/completions", "{'prompt': 'a', 'x': " + deep + "}").status())
        .isEqualTo(400);
  }

  @Test
  void refusesHugeNumbers() {
    String digits = "9".repeat(5_000);
    assertThat(http.post("/v1/completions", "{'prompt': 'a', 'n': " + digits + "}").status())
        .isEqualTo(400);
  }

  @Test
  void refusesBytesThatAreNotUtf8() {
    try (HttpCalls.Raw raw = http.raw()) {
      String body = "{\"prompt\":\"\u00ff\"}";
      raw.send(
          "POST /v1/completions HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: "
              + body.length()
              + "\r\n\r\n"
              + body);
      assertThat(raw.readAll()).startsWith("HTTP/1.1 400").contains("UTF-8");
    }
  }

  @Test
  void refusesAPromptThatIsTooLong() {
    String words = "once ".repeat(150);
    HttpCalls.Reply reply = http.post("/v1/completions", "{'prompt': '" + words + "'}");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/message").stringValue())
        .contains("maximum context length is 64 tokens");
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("prompt");
  }

  @Test
  void keepsTheEndOfALongPromptWhenAsked() {
    String words = "once ".repeat(150);
    HttpCalls.Reply reply =
        http.post("/v1/completions", "{'prompt': '" + words + "', 'truncate_prompt_tokens': 10}");
    assertThat(reply.json().at("/usage/prompt_tokens").intValue()).isEqualTo(10);
  }

  @Test
  void cutsAPromptBeyondTheContextWhenAsked() {
    String words = "once ".repeat(150);
    String rest = "', 'max_tokens': 2, 'truncate_prompt_tokens': -1}";
    HttpCalls.Reply reply = http.post("/v1/completions", "{'prompt': '" + words + rest);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    assertThat(reply.json().at("/usage/prompt_tokens").intValue())
        .isEqualTo(TestServer.MAX_TOKENS - 2);
    String messages = "{'messages': [{'role': 'user', 'content': '" + words + "'}]";
    HttpCalls.Reply chat =
        http.post("/v1/chat/completions", messages + ", 'truncate_prompt_tokens': 7}");
    assertThat(chat.json().at("/usage/prompt_tokens").intValue()).isEqualTo(7);
    assertThat(http.post("/v1/chat/completions", messages + "}").status()).isEqualTo(400);
  }

  @Test
  void tokenizesBeyondTheContext() {
    String words = "once ".repeat(150);
    HttpCalls.Reply reply = http.post("/tokenize", "{'prompt': '" + words + "'}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    assertThat(reply.json().get("count").intValue()).isGreaterThan(149);
    HttpCalls.Reply chat =
        http.post("/tokenize", "{'messages': [{'role': 'user', 'content': '" + words + "'}]}");
    assertThat(chat.json().get("count").intValue()).isGreaterThan(149);
  }

  @Test
  void doesNotKnowOtherModels() {
    HttpCalls.Reply reply = http.post("/v1/completions", "{'model': 'gpt', 'prompt': 'a'}");
    assertThat(reply.status()).isEqualTo(404);
    assertThat(reply.json().at("/error/type").stringValue()).isEqualTo("NotFoundError");
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("model");
    assertThat(reply.json().at("/error/code").stringValue()).isEqualTo("model_not_found");
  }

  @Test
  void acceptsNulCharacters() {
    assertThat(http.post("/tokenize", "{'prompt': 'a\\u0000b'}").status()).isEqualTo(200);
  }
}
