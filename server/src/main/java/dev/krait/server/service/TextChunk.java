package dev.krait.server.service;

import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import java.util.List;
import java.util.Optional;

/// What one engine step added to a sequence.
///
/// @param text text that became certain; may be empty while a character or stop string is pending
/// @param ids tokens of the step
/// @param logprobs one for each token, when asked for
/// @param finish how the sequence ended, in its last chunk
public record TextChunk(
    String text, TokenIds ids, List<TokenLogprobs> logprobs, Optional<Finish> finish) {}
