package dev.krait.reply;

import dev.krait.reply.ToolUse.Choice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// Reads texts as replies, in pieces of any kind.
final class Replies {
  /// `get_weather(city: string, days: integer, exact: boolean, tags: array, note: string|null)` and
  /// `now()`.
  static final List<Object> TOOLS =
      List.of(
          tool(
              "get_weather",
              Map.of(
                  "city", Map.of("type", "string"),
                  "days", Map.of("type", "integer"),
                  "exact", Map.of("type", "boolean"),
                  "tags", Map.of("type", "array"),
                  "note",
                      Map.of("anyOf", List.of(Map.of("type", "string"), Map.of("type", "null"))))),
          tool("now", Map.of()));

  private Replies() {}

  private static Map<String, Object> tool(String name, Map<String, Object> properties) {
    Map<String, Object> schema = Map.of("type", "object", "properties", properties);
    return Map.of("type", "function", "function", Map.of("name", name, "parameters", schema));
  }

  static ReplyRequest streamed() {
    return ReplyRequest.of(use(new Choice.Auto(), true), false);
  }

  static ReplyRequest whole() {
    return ReplyRequest.of(use(new Choice.Auto(), true), true);
  }

  static ToolUse use(Choice choice, boolean parallel) {
    return new ToolUse(TOOLS, choice, parallel);
  }

  /// Formats by name, as options name them.
  static ReplyFormat format(String tools, String reasoning) {
    return ReplyFormat.of(new ReplyFormat.Names(tools, reasoning), _ -> false);
  }

  /// All events of a text that comes in pieces.
  static List<ReplyEvent> events(ReplyParser parser, List<String> pieces) {
    ReplyEvents all = new ReplyEvents();
    for (String piece : pieces) {
      parser.push(piece);
      parser.take().forEach(all::add);
    }
    parser.finish();
    parser.take().forEach(all::add);
    return all.take();
  }

  /// A reply in a line: `[reasoning]text`, then each call as `name{arguments}`.
  static String shown(Reply reply) {
    String reasoning = reply.reasoning().isEmpty() ? "" : "[" + reply.reasoning() + "]";
    return reply.calls().stream()
        .map(call -> "; " + call.name() + call.arguments())
        .collect(Collectors.joining("", reasoning + reply.text(), ""));
  }

  /// Ways to cut a text: whole, in single characters, and in two at every place.
  static List<List<String>> cuts(String text) {
    List<List<String>> cuts = new ArrayList<>();
    cuts.add(List.of(text));
    cuts.add(text.chars().mapToObj(c -> String.valueOf((char) c)).toList());
    for (int i = 1; i < text.length(); i++) {
      cuts.add(List.of(text.substring(0, i), text.substring(i)));
    }
    return cuts;
  }
}
