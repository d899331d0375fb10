package dev.krait.reply;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AnyReplyTest {
  static List<String> formats() {
    return ToolFormat.ALL.stream().map(format -> format.names().getFirst()).toList();
  }

  /// Texts of markers, parts of calls and words in any order.
  @ParameterizedTest
  @MethodSource("formats")
  void readsAnyTextTheSameHoweverItIsCutAndLosesNoWord(String name) {
    ReplyFormat format = Replies.format(name, "qwen3");
    List<String> parts =
        new ArrayList<>(format.tools().orElseThrow().markers().distinct().toList());
    parts.addAll(
        format
            .tools()
            .orElseThrow()
            .markers()
            .map(m -> m.substring(0, (m.length() + 1) / 2))
            .toList());
    parts.addAll(
        List.of(
            "<think>",
            "</think>",
            "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}",
            "{\"name\": \"now\", \"arguments\": {}}",
            "now",
            "get_weather",
            "(",
            ")",
            "()",
            "city=",
            "{",
            "}"));
    parts.addAll(
        List.of(
            "[",
            "]",
            "{}",
            "\"",
            "\\",
            "'",
            ",",
            ";",
            ":",
            " ",
            "\n",
            "1",
            "zebra",
            "\uD83C\uDF27"));
    Random random = new Random(6);
    for (int i = 0; i < 100; i++) {
      String text =
          random
              .ints(1 + random.nextInt(14), 0, parts.size())
              .mapToObj(parts::get)
              .collect(Collectors.joining());
      List<String> letters = text.chars().mapToObj(c -> String.valueOf((char) c)).toList();
      int cut = random.nextInt(text.length());
      for (ReplyRequest request : List.of(Replies.streamed(), Replies.whole())) {
        for (ReplyStart start : ReplyStart.values()) {
          Supplier<ReplyParser> parser = () -> new ReplyParser(format, request, start, () -> 7);
          List<ReplyEvent> whole = Replies.events(parser.get(), List.of(text));
          assertThat(Replies.events(parser.get(), letters)).as(text).isEqualTo(whole);
          List<String> two = List.of(text.substring(0, cut), text.substring(cut));
          assertThat(Replies.events(parser.get(), two)).as(text).isEqualTo(whole);
          assertThat(count(Replies.shown(Reply.of(whole)))).as(text).isEqualTo(count(text));
        }
      }
    }
  }

  private static long count(String text) {
    return Pattern.compile("zebra").matcher(text).results().count();
  }
}
