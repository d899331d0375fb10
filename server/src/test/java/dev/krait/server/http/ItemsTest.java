package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.ToolModel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `/v1/responses` and `/v1/messages`, from a model that recites.
class ItemsTest {
  private static final String CALL =
      "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
  private static final String ARGUMENTS = "{\"city\": \"Oslo\"}";
  private static final String SCHEMA =
      "{'type': 'object', 'properties': {'city': {'type': 'string'}}}";
  private static final String RESPONSE_TOOLS =
      ", 'tools': [{'type': 'function', 'name': 'weather', 'parameters': " + SCHEMA + "}]";
  private static final String MESSAGE_TOOLS =
      ", 'tools': [{'name': 'weather', 'input_schema': " + SCHEMA + "}]";
  private static final String ASK =
      "{'max_tokens': 90, 'messages': [{'role': 'user', 'content': 'Rain?'}]";

  @TempDir static Path folder;

  private static TestServer server;

  @BeforeAll
  static void start() {
    server = TestServer.of(ToolModel.in(folder, ToolModel.HERMES));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static JsonNode post(String path, String body) {
    HttpCalls.Reply reply = server.http().post(path, body);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    return reply.json();
  }

  /// Events of a stream; each has the name that its data says.
  private static List<JsonNode> events(String path, String body) {
    HttpCalls.Reply reply = server.http().post(path, body);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    return Arrays.stream(reply.text().split("\n\n"))
        .map(event -> {
          String[] lines = event.split("\n", 2);
          JsonNode data = JsonMapper.shared().readTree(lines[1].substring("data: ".length()));
          assertThat(lines[0]).isEqualTo("event: " + data.get("type").stringValue());
          return data;
        })
        .toList();
  }

  private static List<String> types(List<JsonNode> events) {
    return events.stream().map(event -> event.get("type").stringValue()).distinct().toList();
  }

  private static String joined(List<JsonNode> events, String type, String path) {
    return events.stream()
        .filter(event -> event.get("type").stringValue().equals(type))
        .map(event -> event.at(path).asString(""))
        .collect(Collectors.joining());
  }

  @Test
  void aResponseHasAMessage() {
    server.recite("Hello there.");
    JsonNode response =
        post(
            "/v1/responses", "{'input': 'Hi', 'instructions': 'Be kind.', 'metadata': {'a': 'b'}}");
    assertThat(response.at("/object").stringValue()).isEqualTo("response");
    assertThat(response.at("/status").stringValue()).isEqualTo("completed");
    assertThat(response.at("/output/0/type").stringValue()).isEqualTo("message");
    assertThat(response.at("/output/0/content/0/text").stringValue()).isEqualTo("Hello there.");
    assertThat(response.at("/instructions").stringValue()).isEqualTo("Be kind.");
    assertThat(response.at("/metadata/a").stringValue()).isEqualTo("b");
    assertThat(response.at("/store").booleanValue()).isFalse();
    int input = response.at("/usage/input_tokens").intValue();
    int output = response.at("/usage/output_tokens").intValue();
    assertThat(response.at("/usage/total_tokens").intValue()).isEqualTo(input + output);
  }

  @Test
  void theMostTokensLeaveAResponseIncomplete() {
    server.recite("Hello there, this goes on.");
    JsonNode response = post("/v1/responses", "{'input': 'Hi', 'max_output_tokens': 3}");
    assertThat(response.at("/status").stringValue()).isEqualTo("incomplete");
    assertThat(response.at("/incomplete_details/reason").stringValue())
        .isEqualTo("max_output_tokens");
    assertThat(response.at("/usage/output_tokens").intValue()).isEqualTo(3);
  }

  @Test
  void aResponseStreamsItsItems() {
    server.recite("So.\n" + CALL);
    List<JsonNode> events =
        events("/v1/responses", "{'input': 'Rain?', 'stream': true" + RESPONSE_TOOLS + "}");
    assertThat(types(events))
        .containsExactly(
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.completed");
    assertThat(events.stream().map(event -> event.get("sequence_number").intValue()))
        .containsExactlyElementsOf(IntStream.range(0, events.size()).boxed().toList());
    assertThat(joined(events, "response.output_text.delta", "/delta")).isEqualTo("So.");
    assertThat(joined(events, "response.function_call_arguments.delta", "/delta"))
        .isEqualTo(ARGUMENTS);
    JsonNode output = events.getLast().at("/response/output");
    assertThat(output.at("/1/type").stringValue()).isEqualTo("function_call");
    assertThat(output.at("/1/arguments").stringValue()).isEqualTo(ARGUMENTS);
    assertThat(output.at("/1/call_id").stringValue()).startsWith("call_");
  }

  @Test
  void aConversationOfItemsIsTheSameChat() {
    server.recite("It rains.");
    String items =
        "{'input': [{'role': 'user', 'content': [{'type': 'input_text', 'text': 'Rain?'}]},"
            + " {'type': 'reasoning', 'summary': []},"
            + " {'type': 'message', 'role': 'assistant', 'content': [{'type': 'output_text',"
            + " 'text': 'So.'}]},"
            + " {'type': 'function_call', 'call_id': 'c1', 'name': 'weather', 'arguments': '{}'},"
            + " {'type': 'function_call_output', 'call_id': 'c1', 'output': 'wet'}]"
            + RESPONSE_TOOLS
            + "}";
    String chat =
        "{'messages': [{'role': 'user', 'content': 'Rain?'}, {'role': 'assistant', 'content':"
            + " 'So.', 'tool_calls': [{'id': 'c1', 'type': 'function', 'function': {'name':"
            + " 'weather', 'arguments': '{}'}}]}, {'role': 'tool', 'tool_call_id': 'c1', 'content':"
            + " 'wet'}], 'tools': [{'type': 'function', 'function': {'name': 'weather',"
            + " 'parameters': "
            + SCHEMA
            + "}}]}";
    assertThat(post("/v1/responses", items).at("/usage/input_tokens"))
        .isEqualTo(post("/v1/chat/completions", chat).at("/usage/prompt_tokens"));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = ';',
      value = {
        "{}; input",
        "{'input': 5}; input",
        "{'input': 'x', 'previous_response_id': 'resp_1'}; previous_response_id",
        "{'input': 'x', 'background': true}; background",
        "{'input': 'x', 'max_output_tokens': 0}; max_output_tokens",
        "{'input': 'x', 'tools': [{'type': 'web_search'}]}; tools[0].type",
        "{'input': [{'type': 'item_reference', 'id': 'a'}]}; input[0].type",
        "{'input': [{'role': 'user'}]}; input[0].content",
        "{'input': 'x', 'include': ['message.output_text.logprobs']}; include",
      })
  void whatAResponseCannotBeIsRefusedByName(String body, String param) {
    HttpCalls.Reply reply = server.http().post("/v1/responses", body);
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo(param);
  }

  @Test
  void noResponseIsKeptAndNothingIsEmbedded() {
    assertThat(server.http().get("/v1/responses/resp_1").status()).isEqualTo(404);
    HttpCalls.Reply embedding = server.http().post("/v1/embeddings", "{'input': 'x'}");
    assertThat(embedding.status()).isEqualTo(400);
    assertThat(embedding.text()).contains("/v1/embeddings is not supported");
  }

  @Test
  void aMessageHasBlocks() {
    server.recite("So.\n" + CALL);
    JsonNode message = post("/v1/messages", ASK + MESSAGE_TOOLS + "}");
    assertThat(message.at("/type").stringValue()).isEqualTo("message");
    assertThat(message.at("/stop_reason").stringValue()).isEqualTo("tool_use");
    assertThat(message.at("/content/0/text").stringValue()).isEqualTo("So.");
    assertThat(message.at("/content/1/type").stringValue()).isEqualTo("tool_use");
    assertThat(message.at("/content/1/input/city").stringValue()).isEqualTo("Oslo");
    assertThat(message.at("/usage/output_tokens").intValue()).isPositive();
  }

  @Test
  void aMessageStreamsItsBlocks() {
    server.recite("So.\n" + CALL);
    List<JsonNode> events = events("/v1/messages", ASK + MESSAGE_TOOLS + ", 'stream': true}");
    assertThat(types(events))
        .containsExactly(
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop");
    assertThat(joined(events, "content_block_delta", "/delta/text")).isEqualTo("So.");
    assertThat(joined(events, "content_block_delta", "/delta/partial_json")).isEqualTo(ARGUMENTS);
    assertThat(joined(events, "message_delta", "/delta/stop_reason")).isEqualTo("tool_use");
  }

  @Test
  void aConversationOfBlocksIsCounted() {
    server.recite("It rains.");
    String body =
        "{'max_tokens': 9, 'system': 'Be brief.', 'messages': [{'role': 'user', 'content': 'Rain?'},"
            + " {'role': 'assistant', 'content': [{'type': 'tool_use', 'id': 'c1', 'name':"
            + " 'weather', 'input': {}}]}, {'role': 'user', 'content': [{'type': 'tool_result',"
            + " 'tool_use_id': 'c1', 'content': 'wet'}]}]"
            + MESSAGE_TOOLS
            + "}";
    JsonNode message = post("/v1/messages", body);
    assertThat(message.at("/stop_reason").stringValue()).isEqualTo("end_turn");
    assertThat(post("/v1/messages/count_tokens", body).at("/input_tokens").intValue())
        .isEqualTo(message.at("/usage/input_tokens").intValue());
  }

  @Test
  void aStopSequenceIsNamed() {
    server.recite("One two three");
    JsonNode message = post("/v1/messages", ASK + ", 'stop_sequences': [' two']}");
    assertThat(message.at("/stop_reason").stringValue()).isEqualTo("stop_sequence");
    assertThat(message.at("/stop_sequence").stringValue()).isEqualTo(" two");
    assertThat(message.at("/content/0/text").stringValue()).isEqualTo("One");
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = ';',
      value = {
        "{'messages': []}; max_tokens",
        "{'max_tokens': 5}; messages",
        "{'max_tokens': 0, 'messages': []}; max_tokens",
        "{'max_tokens': 5, 'messages': [{'role': 'user'}]}; messages[0].content",
        "{'max_tokens': 5, 'messages': [{'role': 'user', 'content': [{'type': 'image'}]}]};"
            + " messages[0].content[0].type",
        "{'max_tokens': 5, 'messages': [], 'tools': [{'type': 'bash_20250124', 'name': 'b'}]};"
            + " tools[0].type",
      })
  void whatAMessageCannotBeIsRefusedByName(String body, String param) {
    HttpCalls.Reply reply = server.http().post("/v1/messages", body);
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo(param);
  }

  @Test
  void theKeyOfAnthropicsClientsCounts() {
    try (TestServer guarded = TestServer.start(TestServer::guarded)) {
      HttpCalls http = guarded.http();
      assertThat(http.get("/v1/models", "x-api-key", "secret").status()).isEqualTo(200);
      assertThat(http.get("/v1/models", "x-api-key", "other").status()).isEqualTo(401);
    }
  }
}
