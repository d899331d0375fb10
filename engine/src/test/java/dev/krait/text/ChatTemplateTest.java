package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatTemplateTest {
  private static final String PLAIN =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
          + "{% if add_generation_prompt %}<assistant>{% endif %}";

  private static final String LISTED =
      """
      {"chat_template": [
        {"name": "default", "template": "D:{{ messages[0].content }}"},
        {"name": "tool_use", "template": "T:{{ tools | tojson }}{{ messages[0].content }}"}]}
      """;

  @TempDir Path folder;

  @Test
  void aFolderWithoutTemplateHasNone() throws IOException {
    config("{\"bos_token\": \"<s>\"}");
    assertThat(ChatTemplate.open(folder)).isEmpty();
  }

  @Test
  void theTemplateOfTheConfigurationSeesTheTokens() throws IOException {
    config(
        """
        {"bos_token": {"content": "<s>"}, "eos_token": "</s>", "model_max_length": 1e30,
         "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}
        """);
    assertThat(render(open(), "hi")).isEqualTo("<s>hi</s>");
  }

  @Test
  void aListOfTemplatesGivesTheOneForToolsWithToolsAndItsDefaultWithout() throws IOException {
    config(LISTED);
    open().probe();
    assertThat(render(open(), "hi")).isEqualTo("D:hi");
    assertThat(withTools(open())).isEqualTo("T:[{\"name\": \"f\"}]hi");
  }

  @Test
  void additionalTemplatesComeBeforeThoseOfTheConfiguration() throws IOException {
    config(LISTED);
    Path more = Files.createDirectory(folder.resolve("additional_chat_templates"));
    Files.writeString(more.resolve("tool_use.jinja"), "A:{{ tools | tojson }}");
    Files.writeString(more.resolve("notes.txt"), "{% nothing");
    assertThat(render(open(), "hi")).isEqualTo("D:hi");
    assertThat(withTools(open())).isEqualTo("A:[{\"name\": \"f\"}]");
    Files.writeString(folder.resolve("chat_template.jinja"), "F");
    assertThat(render(open(), "hi")).isEqualTo("F");
  }

  @Test
  void aModelThatHasOnlyATemplateForToolsSaysSoWithoutThem() throws IOException {
    config(LISTED.replace("default", "rag"));
    open().probe();
    assertThat(withTools(open())).startsWith("T:");
    assertThatThrownBy(() -> render(open(), "hi"))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "tools: none (expected: tools; the model has no default chat template, only rag,"
                + " tool_use)");
    config(LISTED.replace("default", "rag").replace("tool_use", "other"));
    assertThatThrownBy(() -> withTools(open()))
        .hasMessage(
            "messages: given (expected: /v1/completions; the model has no default chat template,"
                + " only other, rag)");
  }

  @Test
  void toolsThatTheTemplateDoesNotUseAreRefused() {
    for (String template :
        List.of("hi", "{# tools #}hi", "tools", "{{ 'tools' }}", "{{ messages[0].tools }}")) {
      assertThatThrownBy(() -> withTools(ChatTemplate.of(template, Map.of())))
          .as(template)
          .isInstanceOfSatisfying(
              EngineException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
          .hasMessage(
              "tools: 1 given (expected: none: the chat template of this model does not use tools)");
    }
    for (String template :
        List.of(
            "hi{{ tools }}",
            "{% if false %}{{ tools }}{% endif %}hi",
            "{% set t = tools %}hi",
            "{% for t in tools or [] %}{% endfor %}hi",
            "{% macro m(x=tools) %}{% endmacro %}hi",
            "{% if messages and not tools is none %}hi{% endif %}")) {
      assertThat(withTools(ChatTemplate.of(template, Map.of()))).as(template).startsWith("hi");
    }
  }

  @Test
  void everySpecialTokenHasItsName() throws IOException {
    config(
        """
        {"unk_token": "<unk>", "pad_token": {"content": "<pad>"}, "bos_token": null,
         "add_bos_token": true, "additional_special_tokens": ["<a>", {"content": "<b>"}],
         "extra_special_tokens": {"image_token": "<img>", "boi": {"content": "<boi>"}},
         "chat_template": "{{ unk_token }}{{ pad_token }}{{ mask_token }}{{ sep_token }}{{ cls_token }}\
        {{ bos_token is defined }}{{ add_bos_token is defined }}{{ additional_special_tokens }}\
        {{ image_token }}{{ boi }}"}
        """);
    Files.writeString(
        folder.resolve("special_tokens_map.json"),
        """
        {"unk_token": "no", "bos_token": "no", "mask_token": "<mask>",
         "sep_token": {"content": "<sep>"}, "cls_token": "<cls>",
         "additional_special_tokens": ["no"]}
        """);
    assertThat(render(open(), "hi"))
        .isEqualTo("<unk><pad><mask><sep><cls>FalseFalse['<a>', '<b>']<img><boi>");
  }

  @Test
  void theTemplateFileComesBeforeTheConfiguration() throws IOException {
    config("{\"chat_template\": \"config\"}");
    Files.writeString(folder.resolve("chat_template.jinja"), "file");
    assertThat(render(open(), "hi")).isEqualTo("file");
  }

  @Test
  void tokensMayStandInTheSpecialTokensMap() throws IOException {
    config("{\"chat_template\": \"{{ eos_token }}\"}");
    Files.writeString(
        folder.resolve("special_tokens_map.json"), "{\"eos_token\": {\"content\": \"<end>\"}}");
    assertThat(render(open(), "hi")).isEqualTo("<end>");
  }

  @Test
  void aBrokenTemplateOrFileIsAnErrorWhenOpenedAndProbed() throws IOException {
    for (String broken :
        List.of(
            "{\"chat_template\": 5}",
            "{\"chat_template\": [\"x\"]}",
            "{\"chat_template\": [{\"name\": \"default\"}]}",
            "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"{% for %}\"}]}",
            "{\"chat_template\": \"{% for %}\"}",
            "{\"chat_template\": \"{{ messages | nope }}\"}",
            "{\"chat_template\": \"{{ 1 + 'a' }}\"}",
            "{\"chat_template\": \"{{ raise_exception('never') }}\"}",
            "[]",
            "{")) {
      config(broken);
      assertThatThrownBy(() -> ChatTemplate.open(folder).ifPresent(ChatTemplate::probe))
          .as(broken)
          .isInstanceOfSatisfying(
              EngineException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT))
          .hasMessageContaining(folder.toString());
    }
  }

  @Test
  void aTemplateThatWantsASystemMessageOrPartsPassesTheProbe() throws IOException {
    config(
        """
        {"chat_template": "{% if messages[0].role != 'system' %}{{ raise_exception('system first') }}{% endif %}ok"}
        """);
    open().probe();
    config(
        """
        {"chat_template": "{% for part in messages[0].content %}{{ '<' + part['text'] + '>' }}{% endfor %}"}
        """);
    open().probe();
  }

  @Test
  void toolsThatAreNotGivenAreNoneAsInTransformers() {
    ChatTemplate template =
        ChatTemplate.of(
            "{{ tools is none }} {{ documents is defined }} {{ other is defined }}", Map.of());
    assertThat(render(template, "hi")).isEqualTo("True True False");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'a' + none | can only concatenate str (not \"NoneType\") to str",
        "'a' + 1 | can only concatenate str (not \"int\") to str",
        "[1] + 'a' | can only concatenate list (not \"str\") to list",
        "none + 'a' | unsupported operand type(s) for +: 'NoneType' and 'str'",
        "'a' - 1.5 | unsupported operand type(s) for -: 'str' and 'float'",
      })
  void operandsThatDoNotFitAreNamedInThePythonWay(String operation, String message) {
    ChatTemplate template = ChatTemplate.of("{{ " + operation + " }}", Map.of());
    assertThatThrownBy(() -> render(template, "hi"))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("messages: the chat template failed: " + message);
  }

  @Test
  void errorsSayWhetherTheTemplateOrTheMessagesAreWrong() {
    ChatTemplate picky = ChatTemplate.of("{{ raise_exception('no system role') }}", Map.of());
    assertThatThrownBy(() -> render(picky, "hi"))
        .hasMessage("messages: the chat template refused them: no system role");
    assertThatThrownBy(() -> ChatTemplate.of("{% if %}", Map.of()))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("chat_template: ");
  }

  @Test
  void aContinuedMessageEndsThePromptAfterItsText() {
    ChatTemplate template = ChatTemplate.of(PLAIN, Map.of());
    assertThat(continued(template, "So far ")).isEqualTo("<assistant>So far ");
    ChatTemplate trimming =
        ChatTemplate.of("{% for m in messages %}{{ m.content | trim }}</m>{% endfor %}", Map.of());
    assertThat(continued(trimming, "So far ")).isEqualTo("So far");
  }

  @Test
  void aContinuedMessageThatTheTemplateDropsIsAnError() {
    ChatTemplate template = ChatTemplate.of("nothing", Map.of());
    assertThatThrownBy(() -> continued(template, "So far"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("continue_final_message");
  }

  @Test
  void continuingAndStartingAMessageExcludeEachOther() {
    ChatTemplate template = ChatTemplate.of(PLAIN, Map.of());
    assertThatThrownBy(() ->
            template.render(
                List.of(Map.of("role", "user", "content", "a")),
                true,
                true,
                Optional.empty(),
                Map.of()))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("add_generation_prompt");
  }

  @Test
  void toolsAndVariablesReachTheTemplateButCannotReplaceTheMessages() {
    ChatTemplate template =
        ChatTemplate.of("{{ tools | tojson }} {{ flag }} {{ messages | length }}", Map.of());
    String rendered =
        template.render(
            List.of(Map.of("role", "user", "content", "a")),
            false,
            false,
            Optional.of(List.of(Map.of("name", "f"))),
            Map.of("flag", true, "messages", List.of()));
    assertThat(rendered).isEqualTo("[{\"name\": \"f\"}] True 1");
  }

  @Test
  void theShippedTemplateRenders() {
    Path model = Path.of(System.getProperty("krait.repo"), "models", "krait-tiny");
    assertThat(render(ChatTemplate.open(model).orElseThrow(), "hi"))
        .isEqualTo("<|user|>\nhi<|end|>\n<|assistant|>\n");
    Map<String, Object> nothing = new HashMap<>(Map.of("role", "developer"));
    nothing.put("content", null);
    assertThat(
            ChatTemplate.open(model)
                .orElseThrow()
                .render(List.of(nothing), false, false, Optional.empty(), Map.of()))
        .isEqualTo("<|system|>\n<|end|>\n");
  }

  private void config(String json) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), json);
  }

  private ChatTemplate open() {
    return ChatTemplate.open(folder).orElseThrow();
  }

  private static String render(ChatTemplate template, String content) {
    return template.render(
        List.of(Map.of("role", "user", "content", content)),
        true,
        false,
        Optional.empty(),
        Map.of());
  }

  private static String withTools(ChatTemplate template) {
    return template.render(
        List.of(Map.of("role", "user", "content", "hi")),
        false,
        false,
        Optional.of(List.of(Map.of("name", "f"))),
        Map.of());
  }

  private static String continued(ChatTemplate template, String content) {
    return template.render(
        List.of(Map.of("role", "assistant", "content", content)),
        false,
        true,
        Optional.empty(),
        Map.of());
  }
}
