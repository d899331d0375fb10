package dev.krait.reply;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import dev.krait.reply.ToolUse.Choice;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ReplyParserTest {
  private static final String CALL =
      "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}";
  private static final String NOW = "{\"name\": \"now\", \"arguments\": {}}";
  private static final String OSLO = "; get_weather{\"city\": \"Oslo\"}";

  /// A text of a model and what it says.
  ///
  /// @param format name of the format of calls
  /// @param text the text
  /// @param shown the reply, as [Replies#shown]
  record Example(String format, String text, String shown) {}

  private static Example of(String format, String text, String shown) {
    return new Example(format, text, shown);
  }

  static List<Example> calls() {
    return List.of(
        of("hermes", "<tool_call>\n" + CALL + "\n</tool_call>", OSLO),
        of(
            "hermes",
            "Let me see.\n<tool_call>\n"
                + CALL
                + "\n</tool_call>\n<tool_call>\n"
                + NOW
                + "\n</tool_call>",
            "Let me see." + OSLO + "; now{}"),
        of("hermes", "<tool_call>" + CALL + NOW + "</tool_call> Done.", "Done." + OSLO + "; now{}"),
        of("hermes", "<tool_call>" + CALL, OSLO),
        of("granite4", "<tool_call>" + CALL + "}</tool_call>", OSLO),
        of("hermes", "<tool_call>{\"name\": \"now\"}</tool_call>", "; now{}"),
        of(
            "hermes",
            "<tool_call>{\"arguments\": {\"city\": \"\\u00d8 </tool_call>\"}, \"name\": \"get_weather\"}</tool_call>",
            "; get_weather{\"city\": \"\\u00d8 </tool_call>\"}"),
        of(
            "hermes",
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"\uD83C\uDF27\\\"}\"}</tool_call>",
            "; get_weather{\"city\": \"\uD83C\uDF27\"}"),
        of(
            "hermes",
            "<tool_call>{\"type\": \"function\", \"function\": " + CALL + "}</tool_call>",
            OSLO),
        of(
            "hermes",
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}</tool_call>",
            OSLO),
        of(
            "qwen3_coder",
            """
            I look it up.

            <tool_call>
            <function=get_weather>
            <parameter=city>
            Oslo "east"
            </parameter>
            <parameter=days>
            3
            </parameter>
            <parameter=exact>
            True
            </parameter>
            <parameter=tags>
            ["a", 1]
            </parameter>
            <parameter=note>
            None
            </parameter>
            </function>
            </tool_call>\
            """,
            "I look it up.; get_weather{\"city\": \"Oslo \\\"east\\\"\", \"days\": 3, \"exact\": true,"
                + " \"tags\": [\"a\", 1], \"note\": null}"),
        of(
            "qwen3_xml",
            "<tool_call><function=get_weather><parameter=city>\n<p>\n</parameter>\n\nx\n</parameter>"
                + "</function><function=now></function></tool_call>",
            "; get_weather{\"city\": \"<p>\\n</parameter>\\n\\nx\"}; now{}"),
        of("qwen3_coder", "<function=now>\n</function>", "; now{}"),
        of(
            "qwen3_coder",
            "<tool_call><function=get_weather><parameter=days>many</parameter></tool_call>",
            "; get_weather{\"days\": \"many\"}"),
        of(
            "minimax_m2",
            "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Oslo</parameter>\n</invoke>\n</minimax:tool_call>",
            OSLO),
        of(
            "seed_oss",
            "<seed:tool_call>\n<function=get_weather>\n<parameter=city>Oslo</parameter>\n</function>\n</seed:tool_call>",
            OSLO),
        of(
            "llama3_json",
            "<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}",
            OSLO),
        of("llama3_json", "\n" + CALL + "; " + NOW, OSLO + "; now{}"),
        of("llama4_json", CALL + "\nThat is all.", "That is all." + OSLO),
        of("pythonic", "[get_weather(city='Oslo'), now()]", OSLO + "; now{}"),
        of(
            "llama4_pythonic",
            "<|python_start|>[get_weather(city=\"It's \\\"x\\\"\\n\", days=-1, exact=True, tags=['a', {\"b\": (1, 2.5e3)}], note=None)]<|python_end|>",
            "; get_weather{\"city\": \"It's \\\"x\\\"\\n\", \"days\": -1, \"exact\": true, \"tags\": [\"a\","
                + " {\"b\": [1, 2.5e3]}], \"note\": null}"),
        of(
            "lfm2",
            "<|tool_call_start|>[get_weather(city=\"Oslo\")]<|tool_call_end|>Wait for it.",
            "Wait for it." + OSLO),
        of("lfm2", "<|tool_call_start|>[" + CALL + "]<|tool_call_end|>", OSLO),
        of(
            "olmo3",
            "<function_calls>get_weather(city=\"Oslo\")\nnow()</function_calls>",
            OSLO + "; now{}"),
        of("mistral", "[TOOL_CALLS][" + CALL + ", " + NOW + "]", OSLO + "; now{}"),
        of(
            "mistral",
            "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Oslo\"}[TOOL_CALLS]now{}",
            OSLO + "; now{}"),
        of("mistral", "So:[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS] {}", "So:; now{}"),
        of("granite", "<|tool_call|>[" + CALL + "]", OSLO),
        of("granite", "<tool_call>[" + CALL + "]\nDone", "Done" + OSLO),
        of(
            "granite-20b-fc",
            "<function_call> " + CALL + "\n<function_call> " + NOW,
            OSLO + "; now{}"),
        of("nemotron_json", "<TOOLCALL>[" + CALL + "]</TOOLCALL>", OSLO),
        of("jamba", "<tool_calls>[" + CALL + ", " + NOW + "]</tool_calls>", OSLO + "; now{}"),
        of("internlm", "<|action_start|><|plugin|>" + NOW + "<|action_end|>", "; now{}"),
        of("longcat", "<longcat_tool_call>" + NOW + "</longcat_tool_call>", "; now{}"),
        of("phi4_mini_json", "functools[" + NOW + "]", "; now{}"),
        of(
            "kimi_k2",
            "Yes.<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Oslo\"}"
                + "<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
            "Yes." + OSLO + "; now{}"),
        of("json", "[" + CALL + ", " + NOW + "]", OSLO + "; now{}"),
        of("xlam", "Here:\n```json\n[" + CALL + "]\n```\nOk", "Here:Ok" + OSLO),
        of("json", CALL, OSLO));
  }

  /// Texts that look like calls and stay text, all of it.
  static List<Example> texts() {
    return List.of(
        text("hermes", "Just <b>text</b>, {braces} and <tool_ca"),
        text("hermes", "<tool_call>\n{\"name\": \"fly\", \"arguments\": {}}\n</tool_call>"),
        text("hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": oops}\n</tool_call>"),
        text("hermes", "<tool_call>{\"arguments\": {}}</tool_call> x"),
        text("hermes", "Use <tool_call> and </tool_call>."),
        text("hermes", "<tool_call></tool_call>"),
        text("hermes", "a\n\n<tool_call>[1, 2]</tool_call>\n"),
        text("hermes", "\n\n  two\n"),
        text("qwen3_coder", "<tool_call>\n<function=fly>\n</function>\n</tool_call>"),
        text("qwen3_coder", "<tool_call>\n<fun"),
        text("llama3_json", "{\"answer\": [1, 2, {\"name\": 3}]}"),
        text("llama3_json", "{not json}"),
        text("pythonic", "[see](https://example.org) (now)"),
        text("pythonic", "[now(1)]"),
        text("pythonic", "[get_weather(city=oslo)]"),
        text("pythonic", "[now("),
        text("lfm2", "<|tool_call_start|>[fly()]<|tool_call_end|>"),
        text("mistral", "[TOOL_CALLS]fly{}"),
        text("mistral", "[TOOL_CALLS]now"),
        text(
            "kimi_k2",
            "<|tool_call_begin|>functions.fly:0<|tool_call_argument_begin|>{}<|tool_call_end|>"),
        text("json", "[1, 2]"),
        text("json", "```json\n{\"a\": 1}\n```"));
  }

  private static Example text(String format, String text) {
    return new Example(format, text, text);
  }

  @ParameterizedTest
  @MethodSource("calls")
  void readsCallsHoweverTheirTextIsCut(Example example) {
    for (ReplyRequest request : List.of(Replies.streamed(), Replies.whole())) {
      assertEveryCut(example, request);
    }
  }

  @ParameterizedTest
  @MethodSource("texts")
  void leavesWhatIsNoCallAsText(Example example) {
    assertEveryCut(example, Replies.whole());
    Reply streamed =
        Reply.of(Replies.events(parser(example, Replies.streamed()), List.of(example.text())));
    if (streamed.calls().isEmpty()) {
      assertEveryCut(example, Replies.streamed());
    }
  }

  @Test
  void givesOutTheStartOfACallThenItsArgumentsInPieces() {
    Example example = of("hermes", "<tool_call>" + CALL + "</tool_call>", OSLO);
    ReplyParser parser = parser(example, Replies.streamed());
    parser.push("Hm. <tool_call>{\"name\": \"get_weather\", ");
    assertThat(parser.take()).containsExactly(new TextDelta("Hm."));
    parser.push("\"arguments\": {\"ci");
    assertThat(parser.take())
        .containsExactly(
            new ToolCallStart(0, "call_000000000000000700000007", "get_weather"),
            new ToolArgumentsDelta(0, "{\"ci"));
    parser.push("ty\": \"Os");
    assertThat(parser.take()).containsExactly(new ToolArgumentsDelta(0, "ty\": \"Os"));
    parser.push("lo\"}}</tool_call>");
    assertThat(parser.take()).containsExactly(new ToolArgumentsDelta(0, "lo\"}"));
    parser.finish();
    assertThat(parser.take()).isEmpty();
    assertThat(parser.hasCalls()).isTrue();
  }

  @Test
  void streamsValuesOfStringsInTags() {
    Example example = of("qwen3_coder", "", "");
    ReplyParser parser = parser(example, Replies.streamed());
    parser.push("<tool_call>\n<function=get_weather>\n<parameter=city>\nNew ");
    assertThat(Replies.shown(Reply.of(parser.take()))).isEqualTo("; get_weather{\"city\": \"New ");
    parser.push("York\n</param");
    assertThat(parser.take()).containsExactly(new ToolArgumentsDelta(0, "York"));
    parser.push("eter>\n</function>");
    assertThat(parser.take()).containsExactly(new ToolArgumentsDelta(0, "\"}"));
  }

  /// Calls that go wrong after their beginning: a stream goes on with what the model wrote, a whole
  /// reply has them as text.
  static List<Example> broken() {
    String start = "<tool_call>{\"name\": \"get_weather\", \"arguments\": ";
    return List.of(
        of("hermes", start + "{\"city\": oops}}</tool_call>", "; get_weather{\"city\": oops}}"),
        of("hermes", start + "{\"city\": \"Os", "; get_weather{\"city\": \"Os"),
        of("mistral", "[TOOL_CALLS]now{\"a\": }", "; now{\"a\": }"),
        of("qwen3_coder", "<tool_call><function=now>x</tool_call>", "; nowx"),
        of(
            "qwen3_coder",
            "<tool_call><function=get_weather><parameter=city>Os",
            "; get_weather{\"city\": \"Os"));
  }

  @ParameterizedTest
  @MethodSource("broken")
  void losesNothingOfABrokenCall(Example example) {
    assertEveryCut(example, Replies.streamed());
    assertEveryCut(text(example.format(), example.text()), Replies.whole());
  }

  @Test
  void leavesOutCallsBehindTheFirstWhereOneIsWanted() {
    Example example = of("hermes", "<tool_call>" + CALL + NOW + "</tool_call>Ok", "Ok" + OSLO);
    for (boolean whole : new boolean[] {false, true}) {
      assertEveryCut(example, ReplyRequest.of(Replies.use(new Choice.Auto(), false), whole));
    }
  }

  @Test
  void readsForcedCallsInJsonWhateverTheFormat() {
    Example list =
        of(
            "qwen3_coder",
            "[{\"name\": \"now\", \"parameters\": {}}, " + CALL + "]",
            "; now{}" + OSLO);
    Example named = of("lfm2", "{\"city\": \"Oslo\"}", OSLO);
    Example cut = of("lfm2", "{\"city\": \"Os", "; get_weather{\"city\": \"Os");
    for (boolean whole : new boolean[] {false, true}) {
      assertEveryCut(list, ReplyRequest.of(Replies.use(new Choice.Required(), true), whole));
      Choice one = new Choice.Named("get_weather");
      assertEveryCut(named, ReplyRequest.of(Replies.use(one, true), whole));
      assertEveryCut(cut, ReplyRequest.of(Replies.use(one, true), whole));
    }
  }

  @Test
  void readsForcedCallsBehindReasoningThatThePromptOpened() {
    ReplyFormat format = Replies.format("hermes", "qwen3");
    for (List<String> pieces : Replies.cuts("Hm.\n</think>\n\n{\"city\": \"Oslo\"}")) {
      ReplyRequest request =
          ReplyRequest.of(Replies.use(new Choice.Named("get_weather"), true), false);
      ReplyParser parser = new ReplyParser(format, request, ReplyStart.REASONING, () -> 7);
      assertThat(Replies.shown(Reply.of(Replies.events(parser, pieces)))).isEqualTo("[Hm.]" + OSLO);
      assertThat(parser.hasCalls()).isTrue();
      assertThat(parser.choseCalls()).isFalse();
    }
  }

  /// A text, where it begins, and what it says.
  ///
  /// @param format name of the format of reasoning
  record Thought(String format, ReplyStart start, String text, String shown) {}

  static List<Thought> thoughts() {
    ReplyStart open = ReplyStart.OPEN;
    ReplyStart inside = ReplyStart.REASONING;
    return List.of(
        new Thought("qwen3", open, "<think>\nHm,\n so.\n</think>\n\nYes.\n", "[Hm,\n so.]Yes.\n"),
        new Thought("qwen3", open, "\n<think>a</think>b", "[a]b"),
        new Thought("qwen3", open, "Yes, <think> is a tag.", "Yes, <think> is a tag."),
        new Thought("qwen3", open, " <thin", " <thin"),
        new Thought("qwen3", open, "<think>cut", "[cut]"),
        new Thought("qwen3", open, "<think>\n\n</think>\n\nYes", "Yes"),
        new Thought("qwen3", inside, "a</think>b", "[a]b"),
        new Thought("qwen3", inside, "\n<think>a</think>b", "[a]b"),
        new Thought("qwen3", inside, "a </thi", "[a </thi]"),
        new Thought("qwen3", ReplyStart.ANSWER, "a</think>b", "a</think>b"),
        new Thought("mistral", open, "[THINK]a[/THINK]b", "[a]b"),
        new Thought("seed_oss", open, "<seed:think>a</seed:think>b", "[a]b"),
        new Thought(
            "granite", open, "Here is my thought process:\na\nHere is my response:\nb", "[a]b"),
        new Thought(
            "qwen3",
            open,
            "<think>I <tool_call>"
                + NOW
                + "</tool_call></think>\n<tool_call>"
                + NOW
                + "</tool_call>",
            "[I <tool_call>" + NOW + "</tool_call>]; now{}"),
        new Thought("qwen3", inside, "a\n</think>\n\n" + "<tool_call>x", "[a]<tool_call>x"));
  }

  @ParameterizedTest
  @MethodSource("thoughts")
  void splitsOffReasoningHoweverItsTextIsCut(Thought thought) {
    ReplyFormat format = Replies.format("hermes", thought.format());
    for (List<String> pieces : Replies.cuts(thought.text())) {
      ReplyParser parser = new ReplyParser(format, Replies.streamed(), thought.start(), () -> 7);
      Reply reply = Reply.of(Replies.events(parser, pieces));
      assertThat(Replies.shown(reply)).as("%s", pieces).isEqualTo(thought.shown());
    }
  }

  @Test
  void takesACallInTagsForTheEndOfTheReasoning() {
    ReplyFormat format = Replies.format("qwen3_coder", "qwen3");
    String text = "Say <tool_call>? \n<tool_call>\n<function=now>\n</function>\n</tool_call>";
    for (List<String> pieces : Replies.cuts(text)) {
      ReplyParser parser =
          new ReplyParser(format, Replies.streamed(), ReplyStart.REASONING, () -> 7);
      Reply reply = Reply.of(Replies.events(parser, pieces));
      assertThat(Replies.shown(reply)).isEqualTo("[Say <tool_call>?]; now{}");
    }
  }

  private static void assertEveryCut(Example example, ReplyRequest request) {
    for (List<String> pieces : Replies.cuts(example.text())) {
      Reply reply = Reply.of(Replies.events(parser(example, request), pieces));
      assertThat(Replies.shown(reply)).as("%s", pieces).isEqualTo(example.shown());
    }
  }

  private static ReplyParser parser(Example example, ReplyRequest request) {
    return new ReplyParser(
        Replies.format(example.format(), ReplyFormat.NONE), request, ReplyStart.ANSWER, () -> 7);
  }
}
