package dev.krait.server.openai;

import dev.krait.reply.Reply;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import tools.jackson.core.JsonGenerator;

/// Replies as the chat endpoint writes them: whole messages and what one event adds.
final class ReplyJson {
  private ReplyJson() {}

  /// The fields of a whole message behind its role.
  static void writeMessage(JsonGenerator json, Choice choice, boolean withReasoning) {
    Reply reply = choice.reply();
    String content = choice.prompt().echo() + reply.text();
    if (content.isEmpty() && !(reply.calls().isEmpty() && reply.reasoning().isEmpty())) {
      json.writeNullProperty("content");
    } else {
      writeContent(json, content);
    }
    if (withReasoning && !reply.reasoning().isEmpty()) {
      writeReasoning(json, reply.reasoning());
    }
    if (!reply.calls().isEmpty()) {
      json.writeArrayPropertyStart("tool_calls");
      for (Reply.ToolCall call : reply.calls()) {
        json.writeStartObject();
        writeCall(json, call);
        json.writeEndObject();
      }
      json.writeEndArray();
    }
  }

  /// The fields of a delta.
  static void writeDelta(JsonGenerator json, ReplyEvent event) {
    switch (event) {
      case TextDelta delta -> writeContent(json, delta.text());
      case ReasoningDelta delta -> writeReasoning(json, delta.text());
      case ToolCallStart start -> {
        openCall(json, start.index());
        writeCall(json, new Reply.ToolCall(start.id(), start.name(), ""));
        closeCall(json);
      }
      case ToolArgumentsDelta delta -> {
        openCall(json, delta.index());
        json.writeObjectPropertyStart("function");
        json.writeStringProperty("arguments", delta.json());
        json.writeEndObject();
        closeCall(json);
      }
    }
  }

  static void writeContent(JsonGenerator json, String text) {
    json.writeStringProperty("content", text);
  }

  /// Under both of its names: DeepSeek's, which vLLM had first, and vLLM's.
  private static void writeReasoning(JsonGenerator json, String text) {
    json.writeStringProperty("reasoning_content", text);
    json.writeStringProperty("reasoning", text);
  }

  private static void openCall(JsonGenerator json, int index) {
    json.writeArrayPropertyStart("tool_calls");
    json.writeStartObject();
    json.writeNumberProperty("index", index);
  }

  private static void closeCall(JsonGenerator json) {
    json.writeEndObject();
    json.writeEndArray();
  }

  private static void writeCall(JsonGenerator json, Reply.ToolCall call) {
    json.writeStringProperty("id", call.id());
    json.writeStringProperty("type", "function");
    json.writeObjectPropertyStart("function");
    json.writeStringProperty("name", call.name());
    json.writeStringProperty("arguments", call.arguments());
    json.writeEndObject();
  }
}
