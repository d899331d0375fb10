package dev.krait.speculation;

/// How far drafts go when the drafter ends them itself because it is no longer sure.
///
/// Counts how often another draft followed, behind any draft and behind one that was accepted (more
/// often: a drafter that is sure is right more often). A drafter that always goes on to the allowed
/// length keeps both at 1.
final class DraftReach {
  /// Iterations without an early end that are assumed before the first.
  private static final double PRIOR_WEIGHT = 4;

  /// Weight that earlier counts keep when an iteration is added.
  private static final double DECAY = 0.99;

  private double drafts = PRIOR_WEIGHT;
  private double continued = PRIOR_WEIGHT;
  private double acceptedDrafts = PRIOR_WEIGHT;
  private double acceptedContinued = PRIOR_WEIGHT;

  /// Adds an iteration. What would have followed the last allowed draft is not known.
  void observe(int allowed, int drafted, int accepted) {
    drafts = DECAY * drafts + Math.min(drafted, allowed - 1);
    continued = DECAY * continued + (drafted - 1);
    acceptedDrafts = DECAY * acceptedDrafts + Math.min(accepted, allowed - 1);
    acceptedContinued = DECAY * acceptedContinued + Math.min(accepted, drafted - 1);
  }

  /// Tokens that an iteration is expected to give, when a draft that was made and meets no rejected
  /// one before it is accepted with `acceptance`.
  double expectedTokens(int allowed, double acceptance) {
    double onward = acceptance * ratio(acceptedContinued, acceptedDrafts);
    double power = acceptance;
    double sum = 1;
    for (int j = 1; j <= allowed; j++) {
      sum += power;
      power *= onward;
    }
    return sum;
  }

  /// Share of iterations that make draft number `draft`, from 1 on, where it is allowed.
  double share(int draft) {
    return Math.pow(ratio(continued, drafts), draft - 1);
  }

  private static double ratio(double part, double all) {
    return all <= 0 ? 1 : part / all;
  }
}
