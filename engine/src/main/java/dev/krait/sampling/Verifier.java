package dev.krait.sampling;

import dev.krait.sampling.PhiloxRandom.Purpose;

/// The acceptance rule of speculative decoding (Leviathan et al. 2023, Chen et al. 2023), which
/// keeps the target's distribution.
///
/// A draft `x` drawn from `q` is accepted with probability `min(1, p(x) / q(x))`; after a rejection
/// the token comes from the normalised positive part of `p - q`, after full acceptance from `p`.
/// With greedy parameters both distributions are certain and the rule is "the target would have
/// chosen the same".
public final class Verifier {
  private final Distribution remainder;

  /// A verifier for one vocabulary.
  public Verifier(int vocabSize) {
    remainder = new Distribution(vocabSize);
  }

  /// True when the draft is accepted.
  ///
  /// @param position index of the token in its sequence
  public boolean accepts(int draft, Distribution p, Distribution q, long seed, int position) {
    double target = p.of(draft);
    double proposed = q.of(draft);
    return PhiloxRandom.uniform(seed, position, Purpose.ACCEPTANCE) * proposed < target;
  }

  /// The token that takes the place of a rejected draft.
  public int recover(Distribution p, Distribution q, long seed, int position) {
    remainder.setRemainder(p, q);
    return remainder.draw(PhiloxRandom.uniform(seed, position, Purpose.RECOVERY));
  }

  /// A token from the target's own distribution: a plain step, or the bonus after full acceptance.
  public static int sample(Distribution p, long seed, int position) {
    return p.draw(PhiloxRandom.uniform(seed, position, Purpose.TOKEN));
  }
}
