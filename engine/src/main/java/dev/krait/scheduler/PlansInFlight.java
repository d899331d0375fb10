package dev.krait.scheduler;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.List;

/// The plans of a scheduler: one that is being computed and one that is filled meanwhile.
final class PlansInFlight {
  private final StepPlan[] plans;
  private int next;
  private int size;
  private boolean nextMayFollow;

  PlansInFlight(int capacity) {
    plans = new StepPlan[] {new StepPlan(capacity), new StepPlan(capacity)};
  }

  /// True when no submitted plan waits for its answer.
  boolean isEmpty() {
    return size == 0;
  }

  /// True when the next plan needs the answer to the one in flight: an entry of it computes a
  /// prompt, drafts or several tokens, or the host chooses its next token.
  boolean needsAnswer() {
    return size > 0 && !nextMayFollow;
  }

  /// The next plan, emptied.
  StepPlan next() {
    if (size == plans.length) {
      throw new EngineException(
          ErrorCode.INTERNAL, "steps in flight: " + size + " (expected: at most 1)");
    }
    plans[next].clear();
    return plans[next];
  }

  /// Fills a plan with what is planned: generated tokens before prompt tokens.
  static void fill(StepPlan plan, List<CacheCopy> cacheCopies, RunningList running) {
    for (int i = 0; i < cacheCopies.size(); i++) {
      plan.add(cacheCopies.get(i));
    }
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      if (!sequence.isPastPrompt() || sequence.plannedTokens() == 0) {
        continue;
      }
      if (sequence.isInFlight()) {
        plan.addChosen(sequence, sequence.submittedEntry());
      } else {
        plan.add(sequence, sequence.plannedTokens(), sequence.plannedDrafts());
      }
    }
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      if (!sequence.isPastPrompt() && sequence.plannedTokens() > 0) {
        plan.add(sequence, sequence.plannedTokens(), 0);
      }
    }
  }

  /// The plan of the last [#next] is being computed.
  void submitted(StepPlan plan) {
    nextMayFollow = true;
    for (int i = 0; i < plan.size(); i++) {
      ActiveSequence sequence = (ActiveSequence) plan.sequence(i);
      sequence.submit(i);
      nextMayFollow &=
          plan.firstPosition(i) >= sequence.promptTokens()
              && plan.choosesToken(i)
              && plan.tokens(i) + plan.draftTokens(i) == 1
              && !sequence.readsLogits();
    }
    size++;
    next = 1 - next;
  }

  /// The first plan in flight has been answered.
  void answered() {
    size--;
  }
}
