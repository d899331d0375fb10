package dev.krait.speculation;

/// Steps with another draft length than the one that looks best, to keep the comparison true: which
/// length they try now, and what they may cost.
final class LengthChecks {
  /// Steps of a check: catching up is paid once for all of them.
  static final int STEPS = 3;

  /// Steps between two checks at least.
  private static final int STEPS_BETWEEN = 16;

  private static final int NONE = -1;

  private int length = NONE;
  private int left;
  private int since;

  /// Nanoseconds that checks may lose by now; negative when they have lost more.
  private double allowance;

  /// True when the next step checks [#length].
  boolean isRunning() {
    return length != NONE;
  }

  /// The length that is being checked.
  int length() {
    return length;
  }

  /// Begins a check.
  void start(int draftTokens) {
    length = draftTokens;
    left = STEPS;
  }

  /// Ends what is running.
  void stop() {
    length = NONE;
  }

  /// Adds to what checks may lose.
  void earn(double nanos) {
    allowance += nanos;
  }

  /// Takes what a step has lost from the allowance, which is never below `-maxDebt`.
  void pay(double nanos, double maxDebt) {
    allowance = Math.max(allowance - nanos, -maxDebt);
    since = 0;
  }

  /// Notes that a step has ended.
  ///
  /// @return true when the check goes on
  boolean endStep() {
    if (isRunning() && --left > 0) {
      return true;
    }
    stop();
    return false;
  }

  /// Notes that a step without a check has ended.
  ///
  /// @return true when the last one was long enough ago
  boolean isDue() {
    return ++since >= STEPS_BETWEEN;
  }

  /// True when so much may be lost.
  boolean affords(double nanos) {
    return nanos <= allowance;
  }
}
