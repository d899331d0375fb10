package dev.krait.server.openai;

import dev.krait.generation.TokenLogprobs;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import tools.jackson.core.JsonGenerator;

/// Log-probabilities in the three shapes of the API.
final class LogprobJson {
  private static final float LEAST = -9999f;

  private LogprobJson() {}

  /// Parallel arrays, as completions have them.
  ///
  /// @param first a leading token of which nothing is known: the first of an echoed prompt
  /// @param offset where the first token's text begins, in code points
  /// @return where the text of the last token ends
  static int writeArrays(
      JsonGenerator json,
      AnswerHead head,
      OptionalInt first,
      List<TokenLogprobs> positions,
      int offset) {
    json.writeStartObject();
    json.writeArrayPropertyStart("text_offset");
    int end = offset;
    if (first.isPresent()) {
      json.writeNumber(end);
      end += characters(head.names().text(first.getAsInt()));
    }
    for (TokenLogprobs position : positions) {
      json.writeNumber(end);
      end += characters(head.names().text(position.tokenId()));
    }
    json.writeEndArray();
    json.writeArrayPropertyStart("token_logprobs");
    if (first.isPresent()) {
      json.writeNull();
    }
    positions.forEach(position -> json.writeNumber(finite(position.logprob())));
    json.writeEndArray();
    json.writeArrayPropertyStart("tokens");
    if (first.isPresent()) {
      json.writeString(head.tokenKey(first.getAsInt()));
    }
    positions.forEach(position -> json.writeString(head.tokenKey(position.tokenId())));
    json.writeEndArray();
    json.writeArrayPropertyStart("top_logprobs");
    if (first.isPresent()) {
      json.writeNull();
    }
    positions.forEach(position -> writeTopMap(json, head, position));
    json.writeEndArray();
    json.writeEndObject();
    return end;
  }

  /// One object for each token, as chats have them.
  static void writeContent(JsonGenerator json, AnswerHead head, List<TokenLogprobs> positions) {
    json.writeStartObject();
    json.writeArrayPropertyStart("content");
    for (TokenLogprobs position : positions) {
      json.writeStartObject();
      writeToken(json, head, position.tokenId(), position.logprob());
      json.writeArrayPropertyStart("top_logprobs");
      for (int i = 0; i < Math.min(position.topCount(), head.output().logprobs()); i++) {
        json.writeStartObject();
        writeToken(json, head, position.topId(i), position.topLogprob(i));
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  /// The list that vLLM's `prompt_logprobs` asks for: null, then id to value for each position.
  static void writePrompt(JsonGenerator json, AnswerHead head, List<TokenLogprobs> positions) {
    json.writeStartArray();
    json.writeNull();
    for (TokenLogprobs position : positions) {
      json.writeStartObject();
      writeRanked(json, head, position.tokenId(), position.logprob(), position.rank() + 1);
      for (int i = 0; i < position.topCount(); i++) {
        if (position.topId(i) != position.tokenId()) {
          writeRanked(json, head, position.topId(i), position.topLogprob(i), i + 1);
        }
      }
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void writeRanked(
      JsonGenerator json, AnswerHead head, int id, float logprob, int rank) {
    json.writeObjectPropertyStart(Integer.toString(id));
    json.writeNumberProperty("logprob", finite(logprob));
    json.writeNumberProperty("rank", rank);
    json.writeStringProperty("decoded_token", head.names().text(id));
    json.writeEndObject();
  }

  /// Token to value. A further token of the same text is named by its id, so that none is lost.
  private static void writeTopMap(JsonGenerator json, AnswerHead head, TokenLogprobs position) {
    Map<String, Float> top = new LinkedHashMap<>();
    top.put(head.tokenKey(position.tokenId()), position.logprob());
    for (int i = 0; i < Math.min(position.topCount(), head.output().logprobs()); i++) {
      int id = position.topId(i);
      if (id != position.tokenId()) {
        String key = head.tokenKey(id);
        top.put(top.containsKey(key) ? AnswerHead.tokenIdName(id) : key, position.topLogprob(i));
      }
    }
    json.writeStartObject();
    top.forEach((token, logprob) -> json.writeNumberProperty(token, finite(logprob)));
    json.writeEndObject();
  }

  private static void writeToken(JsonGenerator json, AnswerHead head, int id, float logprob) {
    json.writeStringProperty("token", head.tokenName(id));
    json.writeNumberProperty("logprob", finite(logprob));
    json.writeArrayPropertyStart("bytes");
    for (byte b : head.names().bytes(id)) {
      json.writeNumber(b & 0xff);
    }
    json.writeEndArray();
  }

  private static int characters(String text) {
    return text.codePointCount(0, text.length());
  }

  private static float finite(float logprob) {
    return Math.max(logprob, LEAST);
  }
}
