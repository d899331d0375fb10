package dev.krait.scheduler;

/// What is left of a step's tokens.
final class TokenBudget {
  private int remaining;

  /// Starts a step.
  void reset(int tokens) {
    remaining = tokens;
  }

  int remaining() {
    return remaining;
  }

  /// Takes so many, which must be left.
  void take(int tokens) {
    assert tokens <= remaining : tokens + " of " + remaining;
    remaining -= tokens;
  }
}
