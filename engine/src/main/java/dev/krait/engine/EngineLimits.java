package dev.krait.engine;

/// What is checked at the door.
///
/// @param vocabSize token ids are below this
/// @param maxModelTokens longest prompt plus output
/// @param maxSequences most sequences that run at once
/// @param maxWaiting most sequences that wait beside those; more than both together are refused
/// @param sessions how much conversations may hold
public record EngineLimits(
    int vocabSize, int maxModelTokens, int maxSequences, int maxWaiting, SessionLimits sessions) {

  /// Usual limits of sessions.
  public EngineLimits(int vocabSize, int maxModelTokens, int maxSequences, int maxWaiting) {
    this(vocabSize, maxModelTokens, maxSequences, maxWaiting, SessionLimits.usual());
  }
}
