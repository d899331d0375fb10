package dev.krait.server.openai;

import dev.krait.server.service.OutputOptions;

/// What every message of one answer repeats.
///
/// @param id name of the answer, such as `cmpl-1`
/// @param createdSeconds when it began, seconds since 1970
/// @param model name of the model
/// @param options how to write it
/// @param output what the request wants beside text
/// @param names how tokens are written
public record AnswerHead(
    String id,
    long createdSeconds,
    String model,
    ResponseOptions options,
    OutputOptions output,
    TokenNames names) {

  /// Name of a token in log-probabilities.
  String tokenName(int tokenId) {
    return options.tokensAsIds() ? "token_id:" + tokenId : names.text(tokenId);
  }
}
