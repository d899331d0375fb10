package dev.krait.service;

/// Tokens that were counted.
///
/// @param promptTokens tokens of the prompt
/// @param cachedTokens how many of them were found in the prefix cache
/// @param completionTokens tokens generated, an end token included
/// @param reasoningTokens those of them whose text is reasoning, without its markers
/// @param acceptedTokens draft tokens that became output
/// @param rejectedTokens draft tokens that did not
public record Usage(
    int promptTokens,
    int cachedTokens,
    int completionTokens,
    int reasoningTokens,
    long acceptedTokens,
    long rejectedTokens) {

  /// Nothing yet.
  public static final Usage NONE = new Usage(0, 0, 0, 0, 0, 0);

  /// The sum of both.
  public Usage plus(Usage other) {
    return new Usage(
        promptTokens + other.promptTokens,
        cachedTokens + other.cachedTokens,
        completionTokens + other.completionTokens,
        reasoningTokens + other.reasoningTokens,
        acceptedTokens + other.acceptedTokens,
        rejectedTokens + other.rejectedTokens);
  }

  /// The same without the prompt, for further sequences of it.
  public Usage withoutPrompt() {
    return new Usage(0, 0, completionTokens, reasoningTokens, acceptedTokens, rejectedTokens);
  }

  /// Prompt and output together.
  public int totalTokens() {
    return promptTokens + completionTokens;
  }
}
