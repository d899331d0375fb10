package dev.krait.reply;

import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import java.util.ArrayList;
import java.util.List;

/// A whole reply.
///
/// @param text the answer; empty when there is none
/// @param reasoning what came before it; empty when there is none
/// @param calls calls of tools, in order
public record Reply(String text, String reasoning, List<ToolCall> calls) {

  /// A call of a tool.
  ///
  /// @param id name of the call
  /// @param name the tool
  /// @param arguments text of a JSON object, as the model wrote it
  public record ToolCall(String id, String name, String arguments) {}

  /// Makes the list unchangeable.
  public Reply {
    calls = List.copyOf(calls);
  }

  /// The same with another text of the answer.
  public Reply withText(String other) {
    return new Reply(other, reasoning, calls);
  }

  /// What all events of a sequence come to.
  public static Reply of(List<ReplyEvent> events) {
    StringBuilder text = new StringBuilder();
    StringBuilder reasoning = new StringBuilder();
    List<ToolCallStart> starts = new ArrayList<>();
    List<StringBuilder> arguments = new ArrayList<>();
    for (ReplyEvent event : events) {
      switch (event) {
        case TextDelta delta -> text.append(delta.text());
        case ReasoningDelta delta -> reasoning.append(delta.text());
        case ToolCallStart start -> {
          starts.add(start);
          arguments.add(new StringBuilder());
        }
        case ToolArgumentsDelta delta -> arguments.get(delta.index()).append(delta.json());
      }
    }
    List<ToolCall> calls = new ArrayList<>(starts.size());
    for (ToolCallStart start : starts) {
      calls.add(new ToolCall(start.id(), start.name(), arguments.get(start.index()).toString()));
    }
    return new Reply(text.toString(), reasoning.toString(), calls);
  }
}
