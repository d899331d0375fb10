package dev.krait.testing;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.generation.TokenLogprobs;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepOutput;
import dev.krait.scheduler.StepPlan;
import java.util.ArrayList;
import java.util.List;

/// A runner that says what a script says, whatever it was shown.
public final class ScriptedRunner implements ModelRunner {

  /// What to say.
  @FunctionalInterface
  public interface Script {
    /// The token that a sequence generates.
    ///
    /// @param index tokens it has generated before
    int token(Sequence sequence, int index);
  }

  private final Script script;
  private final StepOutput output;
  private final PendingStep step = this::output;

  /// A runner for up to so many sequences in a step.
  public ScriptedRunner(int maxSequences, Script script) {
    this.script = script;
    output = new StepOutput(maxSequences, 0);
  }

  /// Says the ids in order, then the last one for ever.
  public static Script saying(int... ids) {
    return (sequence, index) -> ids[Math.min(index, ids.length - 1)];
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    output.clear();
    for (int i = 0; i < plan.size(); i++) {
      answer(plan, i);
    }
    return step;
  }

  private StepOutput output() {
    return output;
  }

  private void answer(StepPlan plan, int entry) {
    Sequence sequence = plan.sequence(entry);
    if (sequence.request().sampling().promptLogprobs() >= 0) {
      int first = sequence.computedTokens() + 1;
      int last = Math.min(first + plan.tokens(entry), sequence.promptTokens());
      List<TokenLogprobs> values = new ArrayList<>();
      for (int at = first; at < last; at++) {
        values.add(certain(sequence.tokenAt(at)));
      }
      output.setPromptLogprobs(entry, values);
    }
    if (plan.choosesToken(entry)) {
      int id = script.token(sequence, sequence.tokens() - sequence.promptTokens());
      boolean asked = sequence.request().sampling().logprobs() >= 0;
      output.addToken(entry, id, asked ? certain(id) : null);
    }
  }

  private static TokenLogprobs certain(int id) {
    return new TokenLogprobs(id, 0, 0, new int[] {id}, new float[] {0});
  }

  @Override
  public void copy(CacheCopy copy) {}

  @Override
  public void forget(Sequence sequence) {
    // It keeps nothing.
  }

  @Override
  public void close() {
    // It owns nothing.
  }
}
