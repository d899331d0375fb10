package dev.krait;

import dev.krait.reply.Reply.ToolCall;
import dev.krait.service.Finish;
import dev.krait.service.Usage;
import java.util.List;

/// What a model has answered.
///
/// @param text the answer
/// @param reasoning what the model thought before it; empty when there is none
/// @param calls tools that it calls, in order
/// @param finish how it ended
/// @param usage tokens that were counted
public record Answer(
    String text, String reasoning, List<ToolCall> calls, Finish finish, Usage usage) {
  /// Makes the list unchangeable.
  public Answer {
    calls = List.copyOf(calls);
  }
}
