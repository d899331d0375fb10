package dev.krait;

import dev.krait.reply.Reply.ToolCall;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A message of a conversation.
///
/// @param role who speaks: `system`, `user`, `assistant`, `tool`, or another that the model's chat
///   template knows
/// @param text what is said
/// @param calls tools that an assistant calls
/// @param callId the call of which a tool's message is the result
public record Message(String role, String text, List<ToolCall> calls, Optional<String> callId) {
  /// Makes the list unchangeable.
  public Message {
    calls = List.copyOf(calls);
  }

  /// What the model is to keep to.
  public static Message system(String text) {
    return new Message("system", text, List.of(), Optional.empty());
  }

  /// What a user says.
  public static Message user(String text) {
    return new Message("user", text, List.of(), Optional.empty());
  }

  /// What the model has said.
  public static Message assistant(String text) {
    return new Message("assistant", text, List.of(), Optional.empty());
  }

  /// An answer of the model with its calls, to go on from.
  public static Message of(Answer answer) {
    return new Message("assistant", answer.text(), answer.calls(), Optional.empty());
  }

  /// The result of a call.
  public static Message result(ToolCall call, String text) {
    return new Message("tool", text, List.of(), Optional.of(call.id()));
  }

  /// As the OpenAI API has it, for chat templates.
  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("role", role);
    fields.put("content", text);
    if (!calls.isEmpty()) {
      fields.put("tool_calls", calls.stream().map(Message::fields).toList());
    }
    callId.ifPresent(id -> fields.put("tool_call_id", id));
    return fields;
  }

  private static Map<String, Object> fields(ToolCall call) {
    return Map.of(
        "id",
        call.id(),
        "type",
        "function",
        "function",
        Map.of("name", call.name(), "arguments", call.arguments()));
  }
}
