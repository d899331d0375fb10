package dev.krait.text;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/// Messages of the OpenAI API through templates; the cases of `messages/cases.json` have prompts of
/// transformers' own environment.
class TemplateMessagesTest {
  private static final String ECHO =
      "{% for m in messages %}{{ m.role }}={{ m.content | tojson }};{% endfor %}";

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> document() throws IOException {
    try (InputStream stream = resource("cases.json")) {
      return JsonMapper.builder().build().readValue(stream, List.class);
    }
  }

  private static InputStream resource(String name) {
    String path = "/chat_templates/messages/" + name;
    return Objects.requireNonNull(TemplateMessagesTest.class.getResourceAsStream(path));
  }

  static Stream<Arguments> cases() throws IOException {
    return document().stream().map(each -> Arguments.of(each.get("name"), each));
  }

  @SuppressWarnings("unchecked")
  private static String rendered(Map<String, Object> given) throws IOException {
    String file = String.valueOf(given.get("template")).replace("templates/", "");
    Map<String, Object> request = new HashMap<>((Map<String, Object>) given.get("request"));
    Map<String, Object> tokens = new HashMap<>(given);
    tokens.keySet().removeIf(name -> !name.endsWith("_token"));
    try (InputStream stream = resource(file)) {
      return ChatTemplate.of(new String(stream.readAllBytes(), UTF_8), tokens)
          .render(
              (List<Map<String, Object>>) Objects.requireNonNull(request.get("messages")),
              Boolean.TRUE.equals(request.get("add_generation_prompt")),
              false,
              Optional.ofNullable((List<Object>) request.get("tools")),
              (Map<String, Object>)
                  request.getOrDefault("chat_template_kwargs", Map.<String, Object>of()));
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void everyConversationGivesThePromptOfTransformers(String name, Map<String, Object> given)
      throws IOException {
    assertThat(rendered(given)).isEqualTo(given.get("expected_prompt"));
  }

  @Test
  void whatIsNullIsLeftOutAndMissingContentIsEmpty() {
    Map<String, Object> message = new HashMap<>(Map.of("role", "user"));
    message.put("content", null);
    message.put("name", null);
    message.put("tool_calls", null);
    assertThat(
            render(
                "{{ messages[0] | tojson(sort_keys=true) }}{{ messages[1].content }}|",
                message,
                Map.of("role", "assistant")))
        .isEqualTo("{\"content\": \"\", \"role\": \"user\"}|");
  }

  @Test
  void contentThatIsMissingIsNoPartForATemplateOfParts() {
    assertThat(
            render(
                "{% for m in messages %}{% for p in m.content %}<{{ p.text }}>{% endfor %}.{% endfor %}",
                Map.of("role", "user", "content", "a"), Map.of("role", "assistant")))
        .isEqualTo("<a>..");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        // reads texts: joined
        "{% for m in messages %}{{ m.content + '.' }}{% endfor %} | a\\nb.",
        "`{% for m in messages %}{{ m.content | trim }}{% endfor %}` | a\\nb",
        "{% for m in messages %}{{ m.content }}{% endfor %} | a\\nb",
        // reads parts only, in a loop, by index or in a macro
        "{% for m in messages %}{% for p in m['content'] %}{{ p['text'] }},{% endfor %}{% endfor %} | a,b,",
        "{% for m in messages %}{{ m.content[0].text }}{% endfor %} | a",
        "{% macro say(c) %}{% for p in c %}{{ p.text }},{% endfor %}{% endmacro %}{% for m in messages %}{{ say(m.content) }}{% endfor %} | a,b,",
        // reads both
        "{% for m in messages %}{% if m.content is string %}!{{ m.content }}{% else %}{% for p in m.content %}<{{ p.text }}>{% endfor %}{% endif %}{% endfor %} | <a><b>",
      })
  void partsAreKeptOrJoinedAsTheTemplateReadsThem(String template, String prompt) {
    List<Object> parts = List.of(Map.of("type", "text", "text", "a"), "b");
    assertThat(render(template, Map.of("role", "user", "content", parts)))
        .isEqualTo(prompt.replace("\\n", "\n"));
  }

  @Test
  void theFormIsFoundWhenTheTemplateWantsASystemMessageFirst() {
    String strict =
        "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}"
            + "{% for m in messages[1:] %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}";
    assertThat(
            render(
                strict,
                Map.of("role", "system", "content", ""),
                Map.of("role", "user", "content", "a")))
        .isEqualTo("a");
  }

  @Test
  void eachRoleHasTheFormThatTheTemplateReadsForIt() {
    String template =
        "{% for m in messages %}{% if m.role == 'user' %}{% for p in m.content %}<{{ p.text }}>"
            + "{% endfor %}{% else %}{{ m.role + ' ' + m.content }}{% endif %}{% endfor %}";
    List<Object> parts = List.of(Map.of("type", "text", "text", "a"));
    assertThat(
            render(
                template,
                Map.of("role", "system", "content", parts),
                Map.of("role", "user", "content", "b"),
                Map.of("role", "assistant", "content", parts),
                Map.of("role", "tool", "content", "c")))
        .isEqualTo("system a<b>assistant atool c");
  }

  @Test
  void aTextStaysATextForATemplateThatReadsBoth() {
    assertThat(
            render(
                "{{ messages[0].content if messages[0].content is string else messages[0].content[0].text }}"
                    + "{{ messages[0].content is string }}",
                Map.of("role", "user", "content", "a")))
        .isEqualTo("aTrue");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{{ m.role }} | system",
        "{% if m.role in ['developer'] %}{{ m.role }}{% endif %} | developer",
        "{# developer #}{{ m.role }}{{ 'a developer' if false }} | system",
      })
  void aDeveloperIsTheSystemUnlessTheTemplateKnowsDevelopers(String body, String prompt) {
    assertThat(
            render(
                "{% for m in messages %}" + body + "{% endfor %}",
                Map.of("role", "developer", "content", "a")))
        .isEqualTo(prompt);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\": {\"b\": [1, null, 2.50]}} | {\"a\": {\"b\": [1, null, 2.5]}}",
        "{\"n\": 18446744073709551616} | {\"n\": 18446744073709551616}",
        "{\"x\": NaN} | {\"x\": NaN}",
        "[1] | [1]",
        "`` | {}",
      })
  void argumentsAreObjects(String arguments, String printed) {
    assertThat(
            render(
                "{{ messages[0].tool_calls[0].function.arguments | tojson }}",
                calling(Map.of("name", "f", "arguments", arguments))))
        .isEqualTo(printed);
  }

  @Test
  void argumentsThatAreObjectsAlreadyOrMissingAreTaken() {
    String template = "{{ messages[0].tool_calls[0].function.arguments | tojson }}";
    assertThat(render(template, calling(Map.of("name", "f", "arguments", Map.of("a", 1)))))
        .isEqualTo("{\"a\": 1}");
    assertThat(render(template, calling(Map.of("name", "f")))).isEqualTo("{}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"a\": ", "hello", "{} {}", "{'a': 1}", " "})
  void argumentsThatAreNoJsonAreRefusedWithTheirPlace(String arguments) {
    assertThatThrownBy(() -> render("x", calling(Map.of("name", "f", "arguments", arguments))))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
        .hasMessage(
            "messages[0].tool_calls[0].function.arguments: "
                + arguments
                + " (expected: the text of a JSON object)");
  }

  @Test
  void toolCallsThatAreNoListOfObjectsAreRefused() {
    for (Object calls : List.of("x", List.of("x"), Map.of())) {
      assertThatThrownBy(() -> render("x", Map.of("role", "assistant", "tool_calls", calls)))
          .isInstanceOf(EngineException.class)
          .hasMessageStartingWith("messages[0].tool_calls");
    }
  }

  @Test
  void reasoningHasBothOfItsNames() {
    String template = "{{ messages[0].reasoning }}{{ messages[0].reasoning_content }}";
    for (String name : List.of("reasoning", "reasoning_content")) {
      assertThat(render(template, Map.of("role", "assistant", name, "r"))).isEqualTo("rr");
    }
  }

  @Test
  void aToolTurnKeepsItsIdAndName() {
    assertThat(
            render(
                "{{ messages[0].tool_call_id }} {{ messages[0].name }} {{ messages[0].content }}",
                Map.of("role", "tool", "tool_call_id", "c1", "name", "f", "content", "21")))
        .isEqualTo("c1 f 21");
  }

  @Test
  void theGivenMessagesStayAsTheyAre() {
    Map<String, Object> message = calling(Map.of("name", "f", "arguments", "{}"));
    render(ECHO, message);
    assertThat(message).isEqualTo(calling(Map.of("name", "f", "arguments", "{}")));
  }

  private static Map<String, Object> calling(Map<String, Object> function) {
    Map<String, Object> call = Map.of("id", "c1", "type", "function", "function", function);
    return Map.of("role", "assistant", "content", "", "tool_calls", List.of(call));
  }

  @SafeVarargs
  private static String render(String template, Map<String, Object>... messages) {
    List<Map<String, Object>> conversation = new ArrayList<>();
    for (Map<String, Object> message : messages) {
      conversation.add(message);
    }
    return ChatTemplate.of(template, Map.of())
        .render(conversation, false, false, Optional.empty(), Map.of());
  }
}
