package dev.krait.generation;

import dev.krait.error.EngineException;

/// When a generation ends. Stop strings are matched by the caller on the decoded text, which then
/// cancels.
///
/// @param maxTokens most tokens to generate, 0 or more; 0 computes the prompt alone
/// @param minTokens end tokens cannot be chosen before this many tokens
/// @param stopTokenIds ids that end the generation; the model's end tokens are among them unless
///   the caller ignores them
public record StopConditions(int maxTokens, int minTokens, TokenIds stopTokenIds) {

  /// Checks the ranges.
  public StopConditions {
    if (maxTokens < 0) {
      throw EngineException.invalidArgument("max_tokens", maxTokens, "0 or more");
    }
    if (minTokens < 0 || minTokens > maxTokens) {
      throw EngineException.invalidArgument(
          "min_tokens", minTokens, "0 to max_tokens " + maxTokens);
    }
  }
}
