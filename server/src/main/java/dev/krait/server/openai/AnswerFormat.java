package dev.krait.server.openai;

import dev.krait.service.TextChunk;
import dev.krait.service.Usage;
import java.util.List;

/// Everything in which the completion and the chat endpoint differ.
public interface AnswerFormat {

  /// Reads a request body.
  ///
  /// @param requestId name of the request unless the body has one
  /// @throws dev.krait.error.EngineException when it is not a request this server can answer
  OpenAiRequest parse(byte[] body, String requestId);

  /// What ids of answers begin with.
  String idPrefix();

  /// The whole answer of a request that does not stream.
  byte[] whole(AnswerHead head, List<Choice> choices, Usage usage);

  /// Events for one chunk of one choice; more than one when the choice begins.
  ///
  /// @param choice the choice, which remembers what it has sent
  /// @param usage counts of this choice so far
  List<byte[]> events(AnswerHead head, StreamChoice choice, TextChunk chunk, Usage usage);

  /// The event that counts tokens, with no choice.
  byte[] usageEvent(AnswerHead head, Usage usage);
}
