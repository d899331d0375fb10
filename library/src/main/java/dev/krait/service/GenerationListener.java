package dev.krait.service;

import dev.krait.generation.GenerationStats;
import dev.krait.generation.SamplingParams;

/// Hears how generations go, for metrics. Called from the threads that read streams.
public interface GenerationListener {

  /// A request was accepted.
  ///
  /// @param request what was asked for
  /// @param maxTokens most tokens each sequence may generate
  void accepted(PromptRequest request, int maxTokens);

  /// The first tokens of a sequence were read.
  ///
  /// @param nanosSinceArrival from submission to now
  void firstTokens(long nanosSinceArrival);

  /// Further tokens of a sequence were read.
  ///
  /// @param nanosSinceLast from the tokens before
  void furtherTokens(long nanosSinceLast);

  /// A sequence is over.
  ///
  /// @param outcome `stop`, `length`, `abort` or `error`
  /// @param sampling how its tokens were chosen
  /// @param stats its counts and times
  void finished(String outcome, SamplingParams sampling, GenerationStats stats);

  /// All sequences of one prompt are over.
  ///
  /// @param maxGeneratedTokens tokens that the longest of them generated
  void promptFinished(int maxGeneratedTokens);

  /// Hears nothing.
  static GenerationListener none() {
    return new GenerationListener() {
      @Override
      public void accepted(PromptRequest request, int maxTokens) {}

      @Override
      public void firstTokens(long nanosSinceArrival) {}

      @Override
      public void furtherTokens(long nanosSinceLast) {}

      @Override
      public void finished(String outcome, SamplingParams sampling, GenerationStats stats) {}

      @Override
      public void promptFinished(int maxGeneratedTokens) {}
    };
  }
}
