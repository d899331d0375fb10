package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.ToolModel;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class ToolsTest {
  private static final String CALL =
      "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
  private static final String SECOND =
      "\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
  private static final String QUESTION = "'messages': [{'role': 'user', 'content': 'Rain?'}]";
  private static final String TOOLS =
      ", 'tools': [{'type': 'function', 'function': {'name': 'weather', 'parameters': {'type':"
          + " 'object', 'properties': {'city': {'type': 'string'}}}}},"
          + " {'type': 'function', 'function': {'name': 'now'}}]";
  private static final String ASK = "{" + QUESTION + TOOLS;

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

  private static JsonNode chat(String body) {
    return chat(server, body);
  }

  private static JsonNode chat(TestServer server, String body) {
    HttpCalls.Reply reply = server.http().post("/v1/chat/completions", body);
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    return reply.json();
  }

  private static List<JsonNode> chunks(String body) {
    return server.http().post("/v1/chat/completions", body).chunks();
  }

  private static String joined(List<JsonNode> chunks, String field) {
    return chunks.stream()
        .map(chunk -> chunk.at("/choices/0/delta/" + field).asString(""))
        .collect(Collectors.joining());
  }

  @Test
  void answersWithCalls() {
    server.recite(CALL + SECOND);
    JsonNode choice = chat(ASK + "}").at("/choices/0");
    assertThat(choice.at("/finish_reason").stringValue()).isEqualTo("tool_calls");
    assertThat(choice.at("/message/content").isNull()).isTrue();
    JsonNode calls = choice.at("/message/tool_calls");
    assertThat(calls.size()).isEqualTo(2);
    assertThat(calls.at("/0/type").stringValue()).isEqualTo("function");
    assertThat(calls.at("/0/id").stringValue()).matches("call_[0-9a-f]{24}");
    assertThat(calls.at("/0/function/name").stringValue()).isEqualTo("weather");
    assertThat(calls.at("/0/function/arguments").stringValue()).isEqualTo("{\"city\": \"Oslo\"}");
    assertThat(calls.at("/1/function/arguments").stringValue()).isEqualTo("{}");
    assertThat(calls.at("/1/id")).isNotEqualTo(calls.at("/0/id"));
  }

  @Test
  void streamsCallsAsOpenAiSendsThem() {
    server.recite("So.\n" + CALL + SECOND);
    List<JsonNode> chunks = chunks(ASK + ", 'stream': true}");
    assertThat(joined(chunks, "content")).isEqualTo("So.");
    List<JsonNode> calls =
        chunks.stream()
            .map(chunk -> chunk.at("/choices/0/delta/tool_calls"))
            .filter(JsonNode::isArray)
            .map(list -> list.get(0))
            .toList();
    JsonNode first = calls.getFirst();
    assertThat(first.propertyNames()).containsExactly("index", "id", "type", "function");
    assertThat(first.at("/function").toString())
        .isEqualTo("{\"name\":\"weather\",\"arguments\":\"\"}");
    List<JsonNode> pieces =
        calls.stream()
            .filter(call -> call.get("index").intValue() == 0 && !call.has("id"))
            .toList();
    assertThat(
            pieces.stream()
                .map(call -> call.at("/function/arguments").stringValue())
                .collect(Collectors.joining()))
        .isEqualTo("{\"city\": \"Oslo\"}");
    assertThat(calls.stream().filter(call -> call.has("id"))).hasSize(2);
    JsonNode last = chunks.getLast().at("/choices/0");
    assertThat(last.at("/delta").toString()).isEqualTo("{}");
    assertThat(last.at("/finish_reason").stringValue()).isEqualTo("tool_calls");
    assertThat(chunks.subList(0, chunks.size() - 1))
        .allSatisfy(chunk -> assertThat(chunk.at("/choices/0/finish_reason").isNull()).isTrue());
  }

  @Test
  void leavesOutFurtherCallsWhereOneIsWanted() {
    server.recite(CALL + SECOND);
    JsonNode whole = chat(ASK + ", 'parallel_tool_calls': false}");
    assertThat(whole.at("/choices/0/message/tool_calls").size()).isEqualTo(1);
    List<JsonNode> chunks = chunks(ASK + ", 'parallel_tool_calls': false, 'stream': true}");
    assertThat(chunks).noneSatisfy(chunk -> assertThat(chunk.toString()).contains("\"now\""));
  }

  @Test
  void leavesCallsInTheTextWithoutToolsAndHidesToolsThatMayNotBeCalled() {
    server.recite(CALL);
    JsonNode without = chat("{" + QUESTION + "}");
    JsonNode none = chat(ASK + ", 'tool_choice': 'none'}");
    assertThat(without.at("/choices/0/message/content").stringValue()).isEqualTo(CALL);
    assertThat(without.at("/choices/0/finish_reason").stringValue()).isEqualTo("stop");
    assertThat(none.at("/choices/0/message")).isEqualTo(without.at("/choices/0/message"));
    assertThat(none.at("/usage/prompt_tokens")).isEqualTo(without.at("/usage/prompt_tokens"));
  }

  @Test
  void leavesACallThatIsCutOffInTheTextOfAWholeAnswer() {
    server.recite(CALL);
    JsonNode choice = chat(ASK + ", 'max_tokens': 12}").at("/choices/0");
    assertThat(choice.at("/finish_reason").stringValue()).isEqualTo("length");
    String content = choice.at("/message/content").stringValue();
    assertThat(content).startsWith("<tool_call>");
    assertThat(CALL).startsWith(content);
    assertThat(choice.at("/message").has("tool_calls")).isFalse();
  }

  @Test
  void seesMarkersThatAreSpecialTokensAndHidesThem(@TempDir Path other) {
    String text = "[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}]";
    try (TestServer mistral = TestServer.of(ToolModel.in(other, ToolModel.MISTRAL))) {
      mistral.recite(text);
      JsonNode message = chat(mistral, ASK + "}").at("/choices/0/message");
      assertThat(message.at("/tool_calls/0/function/name").stringValue()).isEqualTo("now");
      assertThat(message.at("/tool_calls/0/id").stringValue()).matches("[0-9A-Za-z]{9}");
      JsonNode plain = chat(mistral, "{" + QUESTION + "}").at("/choices/0/message");
      assertThat(plain.at("/content").stringValue())
          .isEqualTo(text.substring("[TOOL_CALLS]".length()));
    }
  }

  @Test
  void takesResultsInTheHistory() {
    server.recite(CALL, "Yes, it rains.");
    JsonNode message = chat(ASK + "}").at("/choices/0/message");
    String id = message.at("/tool_calls/0/id").stringValue();
    String history =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"Rain?\"}, "
            + message
            + ", {\"role\": \"tool\", \"tool_call_id\": \""
            + id
            + "\", \"content\": \"rain\"}]"
            + TOOLS.replace('\'', '"')
            + "}";
    JsonNode answer = server.http().call("POST", "/v1/chat/completions", history).json();
    assertThat(answer.at("/choices/0/message/content").stringValue()).isEqualTo("Yes, it rains.");
    assertThat(answer.at("/choices/0/finish_reason").stringValue()).isEqualTo("stop");
  }

  @Test
  void stopsInsideOfCalls() {
    server.recite("Well.\n" + CALL);
    JsonNode choice = chat(ASK + ", 'stop': 'weather'}").at("/choices/0");
    assertThat(choice.at("/message/content").stringValue())
        .isEqualTo("Well.\n<tool_call>\n{\"name\": \"");
    assertThat(choice.at("/finish_reason").stringValue()).isEqualTo("stop");
  }

  @Test
  void reportsTokensAndLogprobsOnceThoughAChunkHasSeveralEvents() {
    server.recite("A.\n" + CALL);
    String more = ", 'logprobs': true, 'return_token_ids': true, 'n': 2";
    JsonNode whole = chat(ASK + more + "}");
    assertThat(whole.at("/choices/1/message/tool_calls").size()).isEqualTo(1);
    int tokens = whole.at("/choices/0/token_ids").size();
    List<JsonNode> first =
        chunks(ASK + more + ", 'stream': true}").stream()
            .map(chunk -> chunk.at("/choices/0"))
            .filter(choice -> choice.get("index").intValue() == 0)
            .toList();
    assertThat(first.stream().mapToInt(choice -> choice.at("/token_ids").size()).sum())
        .isEqualTo(tokens);
    assertThat(first.stream().mapToInt(choice -> choice.at("/logprobs/content").size()).sum())
        .isEqualTo(tokens);
  }

  @Test
  void splitsOffReasoning() {
    server.recite("<think>\nIt may rain.\n</think>\n\nYes.");
    JsonNode json = chat("{" + QUESTION + "}");
    JsonNode message = json.at("/choices/0/message");
    assertThat(message.at("/reasoning_content").stringValue()).isEqualTo("It may rain.");
    assertThat(message.at("/reasoning").stringValue()).isEqualTo("It may rain.");
    assertThat(message.at("/content").stringValue()).isEqualTo("Yes.");
    int reasoned = json.at("/usage/completion_tokens_details/reasoning_tokens").intValue();
    assertThat(reasoned).isBetween(4, json.at("/usage/completion_tokens").intValue() - 4);
    List<JsonNode> chunks = chunks("{" + QUESTION + ", 'stream': true}");
    assertThat(joined(chunks, "reasoning_content")).isEqualTo("It may rain.");
    assertThat(joined(chunks, "content")).isEqualTo("Yes.");
    JsonNode quiet = chat("{" + QUESTION + ", 'include_reasoning': false}");
    assertThat(quiet.at("/choices/0/message").has("reasoning_content")).isFalse();
    assertThat(quiet.at("/choices/0/message/content").stringValue()).isEqualTo("Yes.");
  }

  @Test
  void knowsFromThePromptWhetherReasoningWasOpened() {
    server.recite("Hm.\n</think>\nYes.");
    String on = "{" + QUESTION + ", 'chat_template_kwargs': {'enable_thinking': true}}";
    JsonNode thinking = chat(on).at("/choices/0/message");
    assertThat(thinking.at("/reasoning_content").stringValue()).isEqualTo("Hm.");
    assertThat(thinking.at("/content").stringValue()).isEqualTo("Yes.");
    JsonNode off = chat(on.replace("true", "false")).at("/choices/0/message");
    assertThat(off.at("/content").stringValue()).isEqualTo("Hm.\n</think>\nYes.");
    JsonNode cut = chat(on.replace("}}", "}, 'max_tokens': 2}")).at("/choices/0");
    assertThat(cut.at("/message/content").isNull()).isTrue();
    assertThat(cut.at("/finish_reason").stringValue()).isEqualTo("length");
  }

  @Test
  void saysWhatIsWrongWithTools() {
    server.recite(CALL);
    for (String[] wrong :
        new String[][] {
          {"'tools': [{'type': 'function', 'function': {}}]", "tools[0].function.name"},
          {"'tools': [{'type': 'web_search'}]", "tools[0].type"},
          {"'tools': [5]", "tools[0]"},
          {
            "'tool_choice': {'type': 'function', 'function': {'name': 'fly'}}" + TOOLS,
            "tool_choice.function.name"
          },
          {"'tool_choice': 'required'", "tool_choice"},
          {"'functions': [{'name': 'f'}]", "functions"},
        }) {
      HttpCalls.Reply reply =
          server.http().post("/v1/chat/completions", "{" + QUESTION + ", " + wrong[0] + "}");
      assertThat(reply.status()).as(wrong[0]).isEqualTo(400);
      assertThat(reply.json().at("/error/param").stringValue()).isEqualTo(wrong[1]);
    }
  }
}
