package dev.krait.speculation;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.runner.BackendModelRunner;
import dev.krait.runner.Drafts;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepOutput;
import dev.krait.scheduler.StepPlan;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// One iteration of speculative decoding: the drafter proposes, the target verifies and chooses.
public final class SpeculativeRunner implements ModelRunner {
  private final BackendModelRunner target;
  private final Drafter drafter;
  private final Drafts drafts;
  private final DraftLengthPolicy policy;
  private final LongSupplier nanoClock;
  private final Pending[] steps;
  private int submitted;

  /// Composes a drafter and a target.
  ///
  /// @param policy is told what each iteration cost
  public SpeculativeRunner(
      BackendModelRunner target,
      Drafter drafter,
      Drafts drafts,
      DraftLengthPolicy policy,
      LongSupplier nanoClock) {
    this.target = target;
    this.drafter = drafter;
    this.drafts = drafts;
    this.policy = policy;
    this.nanoClock = nanoClock;
    steps = new Pending[target.maxPendingSteps()];
    Arrays.setAll(steps, i -> new Pending());
  }

  /// As many as the target. What the drafter computes for a step lies between the target's steps.
  @Override
  public int maxPendingSteps() {
    return steps.length;
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    for (int i = 0; i < plan.cacheCopies(); i++) {
      drafter.copy(plan.cacheCopy(i));
    }
    Pending pending = steps[submitted++ % steps.length];
    long start = nanoClock.getAsLong();
    // A step in flight has none: one with drafts is awaited before the next is submitted.
    pending.drafts = plan.hasDrafts() ? drafts : target.noDrafts();
    pending.drafts.clear();
    pending.caughtUp =
        drafter.propose(plan, pending.drafts, policy.minConfidence(), policy.expectsToDraft());
    pending.draftNanos = nanoClock.getAsLong() - start;
    pending.plan = plan;
    pending.step = target.submit(plan, pending.drafts);
    return pending;
  }

  /// The target's step, after which the policy is told what the iteration cost.
  private final class Pending implements PendingStep {
    private @Nullable StepPlan plan;
    private @Nullable PendingStep step;
    private Drafts drafts = target.noDrafts();
    private int caughtUp;
    private long draftNanos;

    @Override
    public StepOutput await() {
      StepOutput output = Objects.requireNonNull(step).await();
      policy.observeStep(
          Objects.requireNonNull(plan), drafts, caughtUp, draftNanos, output.runNanos());
      return output;
    }
  }

  @Override
  public void copy(CacheCopy copy) {
    drafter.copy(copy);
    target.copy(copy);
  }

  @Override
  public void forget(Sequence sequence) {
    drafter.forget(sequence);
    target.forget(sequence);
    policy.forget(sequence);
  }

  @Override
  public void close() {
    drafter.close();
    target.close();
  }
}
