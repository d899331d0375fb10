package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;

/// Prompt lookup: proposes what followed the same last tokens earlier in the sequence, trying
/// longer matches first.
public final class NgramDrafter implements Drafter {
  private final int longest;
  private final int shortest;

  /// A drafter that matches between `shortest` and `longest` tokens.
  public NgramDrafter(int shortest, int longest) {
    this.shortest = shortest;
    this.longest = longest;
  }

  @Override
  public int propose(StepPlan plan, Drafts drafts, double minConfidence, boolean followsPrompts) {
    for (int i = 0; i < plan.size(); i++) {
      if (plan.draftTokens(i) > 0) {
        propose(plan.sequence(i), i, plan.draftTokens(i), drafts);
      }
    }
    return 0;
  }

  private void propose(Sequence sequence, int entry, int most, Drafts drafts) {
    int tokens = sequence.tokens();
    for (int length = Math.min(longest, tokens - 1); length >= shortest; length--) {
      int match = lastMatch(sequence, length);
      if (match >= 0) {
        for (int j = 0; j < most && match + j < tokens; j++) {
          int id = sequence.tokenAt(match + j);
          drafts.next(entry).setCertain(id);
          drafts.add(entry, id, 1);
        }
        return;
      }
    }
  }

  /// Position behind the latest earlier occurrence of the last `length` tokens, or -1.
  private static int lastMatch(Sequence sequence, int length) {
    int tokens = sequence.tokens();
    for (int end = tokens - 1; end >= length; end--) {
      int j = 1;
      while (j <= length && sequence.tokenAt(end - j) == sequence.tokenAt(tokens - j)) {
        j++;
      }
      if (j > length) {
        return end;
      }
    }
    return -1;
  }

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void close() {}
}
