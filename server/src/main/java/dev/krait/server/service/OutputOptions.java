package dev.krait.server.service;

import dev.krait.error.EngineException;
import dev.krait.generation.SamplingParams;

/// What a caller wants to see beside new text.
///
/// @param logprobs alternatives to report with each generated token; -1 for no log-probabilities
/// @param promptLogprobs the same for the prompt; [SamplingParams#ALL_LOGPROBS] for all
/// @param echo whether the prompt's text precedes the output
/// @param skipSpecialTokens whether special tokens leave no text
public record OutputOptions(
    int logprobs, int promptLogprobs, boolean echo, boolean skipSpecialTokens) {

  /// Checks the ranges.
  public OutputOptions {
    check("logprobs", logprobs);
    if (promptLogprobs != SamplingParams.ALL_LOGPROBS) {
      check("prompt_logprobs", promptLogprobs);
    }
  }

  /// New text alone.
  public static OutputOptions textOnly() {
    return new OutputOptions(-1, -1, false, true);
  }

  private static void check(String name, int value) {
    if (value < -1 || value > SamplingParams.MAX_LOGPROBS) {
      throw EngineException.invalidArgument(name, value, "0 to " + SamplingParams.MAX_LOGPROBS);
    }
  }
}
