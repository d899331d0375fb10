package dev.krait.server.openai;

import dev.krait.generation.TokenIds;
import dev.krait.service.Finish;
import dev.krait.service.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;

/// The parts that completions and chats write alike.
final class AnswerJson {
  private AnswerJson() {}

  static void writeHead(JsonGenerator json, AnswerHead head, String object) {
    json.writeStringProperty("id", head.id());
    json.writeStringProperty("object", object);
    json.writeNumberProperty("created", head.createdSeconds());
    json.writeStringProperty("model", head.model());
  }

  static void writeTail(JsonGenerator json) {
    json.writeNullProperty("service_tier");
    json.writeNullProperty("system_fingerprint");
  }

  static void writeUsage(JsonGenerator json, Usage usage) {
    json.writeObjectPropertyStart("usage");
    json.writeNumberProperty("prompt_tokens", usage.promptTokens());
    json.writeNumberProperty("total_tokens", usage.totalTokens());
    json.writeNumberProperty("completion_tokens", usage.completionTokens());
    json.writeObjectPropertyStart("prompt_tokens_details");
    json.writeNumberProperty("cached_tokens", usage.cachedTokens());
    json.writeEndObject();
    json.writeObjectPropertyStart("completion_tokens_details");
    json.writeNumberProperty("reasoning_tokens", usage.reasoningTokens());
    json.writeNumberProperty("accepted_prediction_tokens", usage.acceptedTokens());
    json.writeNumberProperty("rejected_prediction_tokens", usage.rejectedTokens());
    json.writeEndObject();
    json.writeEndObject();
  }

  static void writeFinish(JsonGenerator json, Optional<Finish> finish) {
    if (finish.isEmpty()) {
      json.writeNullProperty("finish_reason");
      json.writeNullProperty("stop_reason");
      return;
    }
    Finish end = finish.get();
    json.writeStringProperty(
        "finish_reason", !end.stopped() ? "length" : end.calls() ? "tool_calls" : "stop");
    if (end.stopString().isPresent()) {
      json.writeStringProperty("stop_reason", end.stopString().get());
    } else if (end.stopTokenId().isPresent()) {
      json.writeNumberProperty("stop_reason", end.stopTokenId().getAsInt());
    } else {
      json.writeNullProperty("stop_reason");
    }
  }

  static void writeIds(JsonGenerator json, String name, TokenIds ids) {
    json.writeArrayPropertyStart(name);
    for (int i = 0; i < ids.size(); i++) {
      json.writeNumber(ids.at(i));
    }
    json.writeEndArray();
  }

  static byte[] usageEvent(AnswerHead head, String object, Usage usage) {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      writeHead(json, head, object);
      json.writeArrayPropertyStart("choices");
      json.writeEndArray();
      writeUsage(json, usage);
      json.writeEndObject();
    });
  }

  static <T> List<T> joined(List<T> first, List<T> second) {
    if (first.isEmpty()) {
      return second;
    }
    List<T> all = new ArrayList<>(first);
    all.addAll(second);
    return all;
  }
}
