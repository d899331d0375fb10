package dev.krait.reply;

/// What a model's text adds to its reply. Joined, the events of a sequence do not depend on how its
/// text was cut into pieces.
///
/// A call is its [ToolCallStart] and the [ToolArgumentsDelta]s of the same index that follow; it is
/// over when another kind of event, the start of another call, or the end of the sequence comes.
public sealed interface ReplyEvent {

  /// Text of the answer.
  ///
  /// @param text not empty
  record TextDelta(String text) implements ReplyEvent {}

  /// Text of the reasoning before the answer.
  ///
  /// @param text not empty
  record ReasoningDelta(String text) implements ReplyEvent {}

  /// A call of a tool begins.
  ///
  /// @param index place among the calls of the reply, from 0
  /// @param id name of the call, by which its result refers to it
  /// @param name the tool, one of those that the request has
  record ToolCallStart(int index, String id, String name) implements ReplyEvent {}

  /// More of the arguments of a call.
  ///
  /// @param index of the call
  /// @param json part of the text of a JSON object; not empty
  record ToolArgumentsDelta(int index, String json) implements ReplyEvent {}
}
