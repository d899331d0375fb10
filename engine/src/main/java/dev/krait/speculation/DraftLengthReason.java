package dev.krait.speculation;

/// Why a draft length was chosen.
public enum DraftLengthReason {
  /// No step has been timed.
  UNMEASURED("nothing measured yet"),
  /// This batch size is new.
  MEASURING("measuring what steps cost"),
  /// Another length is tried for a step.
  CHECKING("checking what another length costs"),
  /// The usual one.
  FASTEST("promises most tokens per second"),
  /// Drafts promise more, but not for long enough to believe it.
  CONFIRMING("waiting whether drafts go on to promise more"),
  /// Drafts would pay if more were right.
  REJECTED("too few drafts are accepted"),
  /// The machine has no time to spare.
  UNAFFORDABLE("even perfect drafts would not pay at this batch size"),
  /// Too few tokens are left to pay for what the drafter has missed.
  BEHIND("the drafter would have to catch up with too much"),
  /// A user fixed it.
  FIXED("fixed by configuration");

  private final String words;

  DraftLengthReason(String words) {
    this.words = words;
  }

  /// For people.
  public String words() {
    return words;
  }
}
