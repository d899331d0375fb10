package dev.krait.speculation;

import java.util.List;

/// A snapshot of what a [DraftLengthPolicy] knows.
///
/// @param drafter who proposes: `draft` or `ngram`
/// @param draftTokens length that it chose last
/// @param reason why
/// @param acceptance running estimate of the probability that a draft is accepted when those before
///   it were
/// @param draftedTokens drafts so far
/// @param acceptedTokens accepted so far
/// @param acceptedPerPosition accepted so far at each draft position
/// @param draftedPerPosition drafted so far at each draft position
/// @param choices for each draft length: expected tokens, measured cost and rate of one sequence at
///   the current batch size
public record SpeculationReport(
    String drafter,
    int draftTokens,
    DraftLengthReason reason,
    double acceptance,
    long draftedTokens,
    long acceptedTokens,
    List<Long> acceptedPerPosition,
    List<Long> draftedPerPosition,
    List<Choice> choices) {

  /// What one draft length promises.
  ///
  /// @param draftTokens the length
  /// @param expectedTokens tokens that an iteration yields
  /// @param iterationMicros time of an iteration at the current batch size
  /// @param relativeRate tokens per second over those of plain decoding
  public record Choice(
      int draftTokens, double expectedTokens, double iterationMicros, double relativeRate) {}
}
