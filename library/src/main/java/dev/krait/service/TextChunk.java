package dev.krait.service;

import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.TextDelta;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// What one engine step added to a sequence.
///
/// @param events what became certain of the reply; may be empty while a character, a stop string or
///   a marker is pending
/// @param ids tokens of the step
/// @param logprobs one for each token, when asked for
/// @param finish how the sequence ended, in its last chunk
public record TextChunk(
    List<ReplyEvent> events, TokenIds ids, List<TokenLogprobs> logprobs, Optional<Finish> finish) {

  /// The answer's text alone.
  public String text() {
    return events.stream()
        .map(event -> event instanceof TextDelta delta ? delta.text() : "")
        .collect(Collectors.joining());
  }
}
