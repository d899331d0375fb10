package dev.krait.reply;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReplyFormatTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{%- for tool in tools %}<tool_call>\\n{\"name\"; hermes; none",
        "<tool_call>\\n<function=example></function>...<think>; qwen3_coder; qwen3",
        "<seed:tool_call><function=f> <seed:think>; seed_oss; seed_oss",
        "<minimax:tool_call><invoke; minimax_m2; none",
        "Use exact format: [func_name1(param1=value1)]; llama4_pythonic; none",
        "format [func_name1(params_name1=params_value1)]; pythonic; none",
        "prefix with functools marker; phi4_mini_json; none",
        "<|tool_list_start|> + tools; lfm2; none",
        "[AVAILABLE_TOOLS] tools [/AVAILABLE_TOOLS]; mistral; none",
        "[TOOL_CALLS] [THINK]; mistral; mistral",
        "<TOOLCALL>[...]</TOOLCALL> <think>; nemotron_json; qwen3",
        "<|tool_call|> Here is my thought process:; granite; granite",
        "<tool_calls>; jamba; none",
        "parameters: dictionary of argument name and its value; llama3_json; none",
        "<|tool_calls_section_begin|><|tool_call_begin|></think>; kimi_k2; qwen3",
        "{{ tools }}; json; none",
        "{{ messages }}; none; none",
      })
  void findsTheFormatsInTheTemplate(String template, String tools, String reasoning) {
    ReplyFormat found = ReplyFormat.of(ReplyFormat.Names.auto(), template::contains);
    assertThat(found.describe()).isEqualTo("tool calls " + tools + ", reasoning " + reasoning);
  }

  @Test
  void findsThoseOfATemplateThatARequestBrings() {
    ReplyFormat found = ReplyFormat.of(ReplyFormat.Names.auto(), "<tool_call>"::contains);
    assertThat(found.in("[TOOL_CALLS][THINK]").describe())
        .isEqualTo("tool calls mistral, reasoning mistral");
    assertThat(Replies.format("lfm2", "none").in("[TOOL_CALLS][THINK]").describe())
        .isEqualTo("tool calls lfm2, reasoning none");
  }

  @Test
  void namesOfFlagsAreThoseOfVllm() {
    assertThat(Replies.format("qwen3_xml", "deepseek_r1").describe())
        .isEqualTo("tool calls qwen3_coder, reasoning deepseek_r1");
    assertThat(Replies.format("none", "none").describe())
        .isEqualTo("tool calls none, reasoning none");
    assertThatThrownBy(() -> Replies.format("gpt", "none"))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("tool-call-parser: gpt (expected: auto, none, granite,");
    assertThatThrownBy(() -> Replies.format("none", "gpt"))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("reasoning-parser: gpt (expected: auto, none,");
  }

  @Test
  void thePageNamesEveryFormat() throws IOException {
    String page =
        Files.readString(Path.of(System.getProperty("krait.repo", ".."), "docs/tools.md"));
    List<String> names =
        Stream.concat(
                ToolFormat.ALL.stream().flatMap(format -> format.names().stream()),
                ReasoningFormat.ALL.stream().flatMap(format -> format.names().stream()))
            .toList();
    assertThat(names).allSatisfy(name -> assertThat(page).contains("`" + name + "`"));
  }

  @Test
  void knowsFromThePromptWhereAReplyBegins() {
    ReplyFormat qwen = Replies.format("none", "qwen3");
    assertThat(qwen.start("<|assistant|>\n")).isEqualTo(ReplyStart.OPEN);
    assertThat(qwen.start("<|assistant|>\n<think>\n")).isEqualTo(ReplyStart.REASONING);
    assertThat(qwen.start("<|assistant|>\n<think>\n\n</think>\n\n")).isEqualTo(ReplyStart.ANSWER);
    assertThat(qwen.startAfter("<think>so far")).isEqualTo(ReplyStart.REASONING);
    assertThat(qwen.startAfter("<think>a</think>b")).isEqualTo(ReplyStart.ANSWER);
    assertThat(Replies.format("none", "deepseek_r1").start("x")).isEqualTo(ReplyStart.REASONING);
    assertThat(ReplyFormat.plain().start("<think>")).isEqualTo(ReplyStart.ANSWER);
  }
}
