package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
  void aListOfTemplatesGivesItsDefault() throws IOException {
    config(
        """
        {"chat_template": [{"name": "tool_use", "template": "no"},
                           {"name": "default", "template": "yes"}]}
        """);
    assertThat(render(open(), "hi")).isEqualTo("yes");
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
            "{{ tools is none }} {{ documents is defined }} {{ other is defined }}",
            Optional.empty(),
            Optional.empty());
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
    ChatTemplate template =
        ChatTemplate.of("{{ " + operation + " }}", Optional.empty(), Optional.empty());
    assertThatThrownBy(() -> render(template, "hi"))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("messages: the chat template failed: " + message);
  }

  @Test
  void errorsSayWhetherTheTemplateOrTheMessagesAreWrong() {
    ChatTemplate picky =
        ChatTemplate.of(
            "{{ raise_exception('no system role') }}", Optional.empty(), Optional.empty());
    assertThatThrownBy(() -> render(picky, "hi"))
        .hasMessage("messages: the chat template refused them: no system role");
    assertThatThrownBy(() -> ChatTemplate.of("{% if %}", Optional.empty(), Optional.empty()))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("chat_template: ");
  }

  @Test
  void aContinuedMessageEndsThePromptAfterItsText() {
    ChatTemplate template = ChatTemplate.of(PLAIN, Optional.empty(), Optional.empty());
    assertThat(continued(template, "So far ")).isEqualTo("<assistant>So far ");
    ChatTemplate trimming =
        ChatTemplate.of(
            "{% for m in messages %}{{ m.content | trim }}</m>{% endfor %}",
            Optional.empty(), Optional.empty());
    assertThat(continued(trimming, "So far ")).isEqualTo("So far");
  }

  @Test
  void aContinuedMessageThatTheTemplateDropsIsAnError() {
    ChatTemplate template = ChatTemplate.of("nothing", Optional.empty(), Optional.empty());
    assertThatThrownBy(() -> continued(template, "So far"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("continue_final_message");
  }

  @Test
  void continuingAndStartingAMessageExcludeEachOther() {
    ChatTemplate template = ChatTemplate.of(PLAIN, Optional.empty(), Optional.empty());
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
        ChatTemplate.of(
            "{{ tools | tojson }} {{ flag }} {{ messages | length }}",
            Optional.empty(),
            Optional.empty());
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

  private static String continued(ChatTemplate template, String content) {
    return template.render(
        List.of(Map.of("role", "assistant", "content", content)),
        false,
        true,
        Optional.empty(),
        Map.of());
  }
}
