package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.KraitServer;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.ToolModel;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Calls that a request forces, by a model that cannot call tools by itself.
@Tag("slow")
class ForcedToolsTest {
  private static final String ASK =
      "{'messages': [{'role': 'user', 'content': 'Does it rain?'}], 'max_tokens': 150, 'seed': 1,"
          + " 'tools': [{'type': 'function', 'function': {'name': 'weather', 'parameters': {'type':"
          + " 'object', 'properties': {'city': {'enum': ['Oslo', 'Rome']}, 'now': {'type':"
          + " 'boolean'}}, 'required': ['city', 'now'], 'additionalProperties': false}}},"
          + " {'type': 'function', 'function': {'name': 'wait', 'parameters': {'type': 'object',"
          + " 'properties': {}, 'additionalProperties': false}}}], 'tool_choice': ";
  private static final String NAMED = "{'type': 'function', 'function': {'name': 'weather'}}";

  @TempDir static Path folder;

  private static KraitServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server = ShippedServer.start(ToolModel.withWeights(folder, ToolModel.HERMES), _ -> {});
    http = new HttpCalls(server.port());
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static JsonNode chat(String body) {
    HttpCalls.Reply reply = http.post("/v1/chat/completions", body);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    return reply.json().at("/choices/0");
  }

  private static void assertWeather(String arguments) {
    JsonNode json = JsonMapper.shared().readTree(arguments);
    assertThat(json.get("city").stringValue()).isIn("Oslo", "Rome");
    assertThat(json.get("now").isBoolean()).isTrue();
    assertThat(json.size()).isEqualTo(2);
  }

  @Test
  void callsTheToolThatTheRequestNames() {
    JsonNode choice = chat(ASK + NAMED + "}");
    assertThat(choice.at("/message/content").isNull()).isTrue();
    assertThat(choice.at("/message/tool_calls").size()).isEqualTo(1);
    assertThat(choice.at("/message/tool_calls/0/function/name").stringValue()).isEqualTo("weather");
    assertWeather(choice.at("/message/tool_calls/0/function/arguments").stringValue());
    assertThat(choice.at("/finish_reason").stringValue()).isEqualTo("stop");
  }

  @Test
  void callsOneOfTheToolsWhereThatIsRequired() {
    JsonNode choice = chat(ASK + "'required', 'parallel_tool_calls': false}");
    assertThat(choice.at("/finish_reason").stringValue()).isEqualTo("tool_calls");
    assertThat(choice.at("/message/tool_calls").size()).isEqualTo(1);
    JsonNode called = choice.at("/message/tool_calls/0/function");
    if (called.get("name").stringValue().equals("weather")) {
      assertWeather(called.get("arguments").stringValue());
    } else {
      assertThat(called.toString()).contains("\"wait\"").contains("\"{}\"");
    }
  }

  @Test
  void streamsTheSameCall() {
    for (String forced : List.of(NAMED, "'required', 'parallel_tool_calls': false")) {
      JsonNode whole = chat(ASK + forced + "}");
      List<JsonNode> chunks =
          http.post("/v1/chat/completions", ASK + forced + ", 'stream': true}").chunks();
      String arguments =
          chunks.stream()
              .map(chunk -> chunk.at("/choices/0/delta/tool_calls/0/function/arguments"))
              .map(piece -> piece.asString(""))
              .collect(Collectors.joining());
      assertThat(arguments)
          .isEqualTo(whole.at("/message/tool_calls/0/function/arguments").stringValue());
      assertThat(chunks.getLast().at("/choices/0/finish_reason"))
          .isEqualTo(whole.get("finish_reason"));
    }
  }

  @Test
  void mayReasonBeforeIt() {
    String thinking = ", 'chat_template_kwargs': {'enable_thinking': true}, 'max_tokens': 12}";
    JsonNode choice = chat(ASK.replace("'max_tokens': 150, ", "") + NAMED + thinking);
    assertThat(choice.at("/message/reasoning_content").stringValue()).isNotBlank();
    assertThat(choice.at("/message").has("tool_calls")).isFalse();
    assertThat(choice.at("/finish_reason").stringValue()).isEqualTo("length");
    JsonNode closed =
        chat(
            ASK.replace("'max_tokens': 150, ", "")
                + NAMED
                + thinking.replace("true", "false").replace("12", "150"));
    assertWeather(closed.at("/message/tool_calls/0/function/arguments").stringValue());
  }

  @Test
  void refusesTwoStructuresAtOnce() {
    HttpCalls.Reply reply =
        http.post(
            "/v1/chat/completions",
            ASK + "'required', 'response_format': {'type': 'json_object'}}");
    assertThat(reply.status()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").stringValue()).isEqualTo("tool_choice");
  }
}
