package dev.krait.model;

/// A mixture of experts: each token goes through a few of many feed-forwards, whose outputs are
/// added with weights, in the order of their scores.
///
/// @param experts how many there are
/// @param perToken how many a token goes through
/// @param router how they are chosen and weighed
/// @param gated whether an expert is `down(activation(gate(x)) * up(x))`, else
///   `down(activation(up(x)))`
/// @param activation of an expert
/// @param intermediateDim width between an expert's projections
/// @param sharedDim the same of one more expert that every token goes through, weighed with the
///   sigmoid of one more score; 0 for none
/// @param latentDim width of the experts' input and output, which are projected from and to the
///   residual stream; 0 where they are of its width
public record RoutedMlp(
    int experts,
    int perToken,
    Router router,
    boolean gated,
    Activation activation,
    int intermediateDim,
    int sharedDim,
    int latentDim)
    implements FeedForward {

  /// How experts are chosen and weighed.
  ///
  /// @param score softmax over all experts, or a sigmoid of each
  /// @param bias whether something is added to the scores for the choice alone
  /// @param renormalised whether weights are divided by their sum
  /// @param epsilon added to that sum
  /// @param scale what weights are multiplied with
  /// @param groups groups of neighbouring experts
  /// @param keptGroups groups that take part: those with the largest sums of their two best scores
  public record Router(
      Score score,
      boolean bias,
      boolean renormalised,
      float epsilon,
      float scale,
      int groups,
      int keptGroups) {

    /// Checks the groups.
    public Router {
      if (keptGroups < 1 || keptGroups > groups) {
        throw new IllegalArgumentException(
            "keptGroups: " + keptGroups + " (expected: 1 to groups " + groups + ")");
      }
    }

    /// Softmax without bias, scale and groups.
    public static Router softmax(boolean renormalised) {
      return new Router(Score.SOFTMAX, false, renormalised, 0, 1, 1, 1);
    }
  }

  /// What is made of a logit.
  public enum Score {
    /// `exp(v) / sum exp(v)`
    SOFTMAX,
    /// `1 / (1 + exp(-v))`
    SIGMOID
  }

  /// Checks the numbers of experts.
  public RoutedMlp {
    if (perToken < 1 || perToken > experts / router.groups() * router.keptGroups()) {
      throw new IllegalArgumentException(
          "perToken: " + perToken + " (expected: 1 to those of " + experts + " that take part)");
    }
    Mixer.divides("groups", router.groups(), "experts", experts);
  }

  /// Rows of the router's matrix: all experts, then the shared one.
  public int scores() {
    return experts + (sharedDim > 0 ? 1 : 0);
  }

  /// Columns of an expert's first projection.
  public int innerColumns() {
    return (gated ? 2 : 1) * intermediateDim;
  }
}
