package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.generation.SamplingParams;

/// What a caller wants to see beside new text.
///
/// @param logprobs alternatives to report with each generated token; -1 for no log-probabilities
/// @param promptLogprobs the same for the prompt; [SamplingParams#ALL_LOGPROBS] for all
/// @param echo whether the prompt's text precedes the output
/// @param skipSpecialTokens whether special tokens leave no text
/// @param replies how a chat's text is read
public record OutputOptions(
    int logprobs, int promptLogprobs, boolean echo, boolean skipSpecialTokens, Replies replies) {

  /// How the text of a chat is read.
  public enum Replies {
    /// As an answer, whatever it holds.
    TEXT,
    /// As reasoning, answer and calls, given out as they come.
    STREAMED,
    /// The same, wanted all at once.
    WHOLE
  }

  /// Options for text alone.
  public OutputOptions(int logprobs, int promptLogprobs, boolean echo, boolean skipSpecialTokens) {
    this(logprobs, promptLogprobs, echo, skipSpecialTokens, Replies.TEXT);
  }

  /// The same with chats read in another way.
  public OutputOptions with(Replies reading) {
    return new OutputOptions(logprobs, promptLogprobs, echo, skipSpecialTokens, reading);
  }

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
