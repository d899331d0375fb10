package dev.krait.reply;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// How a family of models writes calls of tools.
///
/// @param names names of the format, those of vLLM's parsers
/// @param signs texts of which a chat template of this format has one
/// @param openers what begins calls
/// @param bare characters that begin calls without a marker, where they begin the answer
/// @param closers what ends calls that an opener began; without one they end with their syntax
/// @param syntaxes how calls are written, told apart by their first character
/// @param marks inner markers of [Syntax#XML] and [Syntax#NAMED]
/// @param silent markers round calls that mean nothing by themselves
/// @param ids what calls are called
/// @param endsReasoning whether calls may begin before the reasoning was closed
record ToolFormat(
    List<String> names,
    List<String> signs,
    List<String> openers,
    String bare,
    List<String> closers,
    List<Syntax> syntaxes,
    List<String> marks,
    List<String> silent,
    Ids ids,
    boolean endsReasoning)
    implements ReplyFormat.Entry {

  /// How a call is written.
  enum Syntax {
    /// `{"name": "f", "arguments": {"a": 1}}`
    JSON,
    /// `f(a=1)`
    PYTHON,
    /// `<function=f><parameter=a>1</parameter></function>`; marks: what begins and ends a call and
    /// a parameter, and what ends their names
    XML,
    /// `f{"a": 1}`; marks: what may stand between the two
    NAMED;

    /// Whether a call may begin with this character. Those of XML begin with a mark.
    boolean begins(char c) {
      return switch (this) {
        case JSON -> c == '{';
        case PYTHON, NAMED -> Character.isLetter(c) || c == '_';
        case XML -> false;
      };
    }
  }

  /// What a call is called.
  enum Ids {
    /// `call_` and 24 hexadecimal digits, as by OpenAI.
    GENERATED,
    /// Nine letters and digits, which Mistral's templates demand.
    NINE,
    /// As the model writes it, such as `functions.f:0`, which holds the name.
    FUNCTIONS
  }

  /// Every format. A template has the first of which it has a sign.
  static final List<ToolFormat> ALL =
      Stream.of(
              new Row(Syntax.XML, "seed_oss")
                  .openers("<seed:tool_call>")
                  .closers("</seed:tool_call>")
                  .marks("<function=", "</function>", "<parameter=", "</parameter>", ">"),
              new Row(Syntax.XML, "minimax_m2")
                  .openers("<minimax:tool_call>")
                  .closers("</minimax:tool_call>")
                  .marks(
                      "<invoke name=\"", "</invoke>", "<parameter name=\"", "</parameter>", "\">"),
              new Row(Syntax.XML, "qwen3_coder", "qwen3_xml", "mimo", "step3p5")
                  .signs("<function=")
                  .openers("<tool_call>", "<function=")
                  .closers("</tool_call>")
                  .marks("<function=", "</function>", "<parameter=", "</parameter>", ">")
                  .endsReasoning(),
              new Row(Syntax.NAMED, "kimi_k2")
                  .openers("<|tool_call_begin|>")
                  .closers("<|tool_call_end|>")
                  .marks("<|tool_call_argument_begin|>")
                  .silent("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>")
                  .ids(Ids.FUNCTIONS)
                  .endsReasoning(),
              new Row(Syntax.PYTHON, "lfm2")
                  .or(Syntax.JSON)
                  .signs("<|tool_call_start|>", "<|tool_list_start|>")
                  .openers("<|tool_call_start|>")
                  .closers("<|tool_call_end|>"),
              new Row(Syntax.NAMED, "mistral")
                  .or(Syntax.JSON)
                  .signs("[TOOL_CALLS]", "[AVAILABLE_TOOLS]")
                  .openers("[TOOL_CALLS]")
                  .marks("[ARGS]", NamedCall.CALL_ID)
                  .ids(Ids.NINE),
              new Row(Syntax.JSON, "nemotron_json").openers("<TOOLCALL>").closers("</TOOLCALL>"),
              new Row(Syntax.JSON, "jamba").openers("<tool_calls>").closers("</tool_calls>"),
              new Row(Syntax.PYTHON, "olmo3")
                  .openers("<function_calls>")
                  .closers("</function_calls>"),
              new Row(Syntax.JSON, "granite-20b-fc").openers("<function_call>"),
              new Row(Syntax.JSON, "granite")
                  .signs("<|tool_call|>")
                  .openers("<|tool_call|>", "<tool_call>"),
              new Row(Syntax.JSON, "internlm")
                  .openers("<|action_start|><|plugin|>")
                  .closers("<|action_end|>"),
              new Row(Syntax.JSON, "longcat")
                  .openers("<longcat_tool_call>")
                  .closers("</longcat_tool_call>"),
              new Row(Syntax.JSON, "phi4_mini_json").openers("functools"),
              new Row(Syntax.PYTHON, "llama4_pythonic")
                  .signs("<|python_start|>", "func_name1(param1=")
                  .openers("<|python_start|>")
                  .closers("<|python_end|>")
                  .bare("["),
              new Row(Syntax.PYTHON, "pythonic").signs("func_name1(params_name1=").bare("["),
              new Row(Syntax.JSON, "llama3_json", "llama4_json")
                  .signs("<|python_tag|>", "dictionary of argument name and its value")
                  .openers("<|python_tag|>")
                  .bare("{"),
              new Row(Syntax.JSON, "hermes", "granite4")
                  .openers("<tool_call>")
                  .closers("</tool_call>"),
              new Row(Syntax.JSON, "json", "xlam").openers("```json").closers("```").bare("{["))
          .map(Row::format)
          .toList();

  /// All of its markers: what a client does not see of a call.
  Stream<String> markers() {
    return Stream.of(openers, closers, marks, silent).flatMap(List::stream);
  }

  /// Whether a character can be part of the name of a tool.
  static boolean isNamePart(char c) {
    return Character.isLetterOrDigit(c) || c == '_' || c == '-' || c == '.' || c == ':';
  }

  /// A format that is being written down; its signs are its openers unless it names others.
  private static final class Row {
    private final List<String> names;
    private final List<Syntax> syntaxes = new ArrayList<>();
    private List<String> signs = List.of();
    private List<String> openers = List.of();
    private String bare = "";
    private List<String> closers = List.of();
    private List<String> marks = List.of();
    private List<String> silent = List.of();
    private Ids ids = Ids.GENERATED;
    private boolean endsReasoning;

    Row(Syntax syntax, String... names) {
      this.syntaxes.add(syntax);
      this.names = List.of(names);
    }

    Row or(Syntax other) {
      syntaxes.add(other);
      return this;
    }

    Row signs(String... all) {
      signs = List.of(all);
      return this;
    }

    Row openers(String... all) {
      openers = List.of(all);
      return this;
    }

    Row bare(String characters) {
      bare = characters;
      return this;
    }

    Row closers(String... all) {
      closers = List.of(all);
      return this;
    }

    Row marks(String... all) {
      marks = List.of(all);
      return this;
    }

    Row silent(String... all) {
      silent = List.of(all);
      return this;
    }

    Row ids(Ids kind) {
      ids = kind;
      return this;
    }

    Row endsReasoning() {
      endsReasoning = true;
      return this;
    }

    ToolFormat format() {
      return new ToolFormat(
          names,
          signs.isEmpty() ? openers : signs,
          openers,
          bare,
          closers,
          List.copyOf(syntaxes),
          marks,
          silent,
          ids,
          endsReasoning);
    }
  }
}
