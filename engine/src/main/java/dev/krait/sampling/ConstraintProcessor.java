package dev.krait.sampling;

import dev.krait.constraint.Constraint;
import dev.krait.constraint.State;
import dev.krait.constraint.Vocabulary;
import dev.krait.generation.OutputConstraint;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Excludes every token that the constraint on the text does not allow next.
///
/// The end tokens are allowed where the text is complete, and nothing behind them. States are
/// immutable, so that going back is going back to an earlier one.
final class ConstraintProcessor implements LogitsProcessor {
  private final Constraint constraint;
  private final Vocabulary vocabulary;
  private final int[] ends;

  /// The states behind the tokens so far; none behind an end token or one that is not allowed.
  private final List<Optional<State>> states = new ArrayList<>();

  ConstraintProcessor(OutputConstraint output) {
    constraint = output.constraint();
    vocabulary = output.vocabulary();
    ends = output.endTokenIds().toArray();
    states.add(Optional.of(constraint.start()));
  }

  @Override
  public boolean isActive() {
    return true;
  }

  @Override
  public void apply(float[] logits) {
    Optional<State> state = states.getLast();
    if (state.isEmpty()) {
      Arrays.fill(logits, Float.NEGATIVE_INFINITY);
    } else {
      constraint.mask(state.get(), vocabulary).apply(logits, ends, state.get().isComplete());
    }
  }

  @Override
  public void accept(int tokenId) {
    boolean end = Arrays.stream(ends).anyMatch(id -> id == tokenId);
    states.add(
        end
            ? Optional.empty()
            : states
                .getLast()
                .flatMap(s -> Optional.ofNullable(constraint.advance(s, tokenId, vocabulary))));
  }

  @Override
  public void rollback(int tokens) {
    states.subList(states.size() - tokens, states.size()).clear();
  }
}
