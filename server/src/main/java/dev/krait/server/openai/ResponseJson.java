package dev.krait.server.openai;

import dev.krait.service.Usage;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The `response` object, with what the request asked for in it.
final class ResponseJson {
  /// Fields of the request that the response repeats, and their values where it has none.
  private static final List<String> NULLABLE =
      List.of(
          "instructions",
          "max_output_tokens",
          "max_tool_calls",
          "previous_response_id",
          "prompt_cache_key",
          "safety_identifier",
          "temperature",
          "top_p",
          "user");

  private ResponseJson() {}

  /// A response without output or counts.
  ///
  /// @param request the body
  static ObjectNode begun(String id, long createdSeconds, String model, JsonNode request) {
    ObjectNode response = JsonMapper.shared().createObjectNode();
    response.put("id", id).put("object", "response").put("created_at", createdSeconds);
    response.put("status", "in_progress").put("background", false);
    response.putNull("error").putNull("incomplete_details");
    response.put("model", model);
    response.putArray("output");
    for (String name : NULLABLE) {
      response.set(name, request.path(name).asOptional().orElse(response.nullNode()));
    }
    response.put("parallel_tool_calls", request.path("parallel_tool_calls").asBoolean(true));
    response.set("reasoning", given(request, "reasoning", "{\"effort\":null,\"summary\":null}"));
    response.put("service_tier", "default").put("store", false);
    response.set("text", given(request, "text", "{\"format\":{\"type\":\"text\"}}"));
    response.set("tool_choice", given(request, "tool_choice", "\"auto\""));
    response.set("tools", given(request, "tools", "[]"));
    response.put("top_logprobs", 0).put("truncation", "disabled").putNull("usage");
    response.set("metadata", given(request, "metadata", "{}"));
    return response;
  }

  private static JsonNode given(JsonNode request, String name, String otherwise) {
    JsonNode value = request.path(name);
    return value.isMissingNode() || value.isNull()
        ? JsonMapper.shared().readTree(otherwise)
        : value;
  }

  /// The response at its end.
  ///
  /// @param stopped whether the model ended it, and not the most tokens
  static ObjectNode ended(ObjectNode begun, ArrayNode output, boolean stopped, Usage usage) {
    ObjectNode response = begun.deepCopy();
    response.put("status", stopped ? "completed" : "incomplete");
    if (!stopped) {
      response.putObject("incomplete_details").put("reason", "max_output_tokens");
    }
    response.set("output", output);
    ObjectNode counts = response.putObject("usage");
    counts.put("input_tokens", usage.promptTokens());
    counts
        .putObject("input_tokens_details")
        .put("cached_tokens", usage.cachedTokens())
        .put("cache_write_tokens", 0);
    counts.put("output_tokens", usage.completionTokens());
    counts.putObject("output_tokens_details").put("reasoning_tokens", usage.reasoningTokens());
    counts.put("total_tokens", usage.totalTokens());
    return response;
  }

  /// The response of a generation that failed.
  static ObjectNode failed(ObjectNode begun, String code, String message) {
    ObjectNode response = begun.deepCopy();
    response.put("status", "failed");
    response.putObject("error").put("code", code).put("message", message);
    return response;
  }
}
