package dev.krait.generation;

import java.util.OptionalLong;

/// Counts and times of one generation, complete when it ends. Times are nanoseconds of the engine's
/// clock.
///
/// @param promptTokens tokens of the prompt
/// @param cachedTokens how many of them were found in the prefix cache when it first ran
/// @param generatedTokens tokens delivered, a final stop token included
/// @param draftedTokens tokens proposed by a drafter
/// @param acceptedTokens proposed tokens that the model confirmed, also those beyond the end
/// @param preemptions how often it lost its memory and was computed again
/// @param arrivalNanos when it was submitted
/// @param firstScheduledNanos when it first ran; empty if never
/// @param firstTokenNanos when its first token was known; empty if none was
/// @param finishedNanos when it ended
public record GenerationStats(
    int promptTokens,
    int cachedTokens,
    int generatedTokens,
    int draftedTokens,
    int acceptedTokens,
    int preemptions,
    long arrivalNanos,
    OptionalLong firstScheduledNanos,
    OptionalLong firstTokenNanos,
    long finishedNanos) {

  /// Of a generation that ended before it ran.
  public static GenerationStats neverRan(int promptTokens, long arrivalNanos, long finishedNanos) {
    return new GenerationStats(
        promptTokens,
        0,
        0,
        0,
        0,
        0,
        arrivalNanos,
        OptionalLong.empty(),
        OptionalLong.empty(),
        finishedNanos);
  }
}
