package dev.krait.reply;

import java.util.List;

/// How a family of models marks its reasoning before the answer.
///
/// @param names names of the format, those of vLLM's parsers
/// @param signs texts of which a chat template of this format has one; none where only a name
///   chooses it
/// @param opener what begins it
/// @param closer what ends it
/// @param implied whether a reply is reasoning from its beginning although neither it nor the
///   prompt has the opener
record ReasoningFormat(
    List<String> names, List<String> signs, String opener, String closer, boolean implied)
    implements ReplyFormat.Entry {

  /// Every format. A template has the first of which it has a sign.
  static final List<ReasoningFormat> ALL =
      List.of(
          new ReasoningFormat(List.of("mistral"), List.of("[THINK]"), "[THINK]", "[/THINK]", false),
          new ReasoningFormat(
              List.of("seed_oss"), List.of("<seed:think>"), "<seed:think>", "</seed:think>", false),
          new ReasoningFormat(
              List.of("granite"),
              List.of("Here is my thought process:"),
              "Here is my thought process:",
              "Here is my response:",
              false),
          new ReasoningFormat(
              List.of(
                  "qwen3",
                  "nemotron_v3",
                  "deepseek_v3",
                  "glm45",
                  "holo2",
                  "kimi_k2",
                  "mimo",
                  "olmo3",
                  "step3p5"),
              List.of("<think>", "</think>"),
              "<think>",
              "</think>",
              false),
          new ReasoningFormat(
              List.of("deepseek_r1", "minimax_m2", "step3"),
              List.of(),
              "<think>",
              "</think>",
              true));
}
