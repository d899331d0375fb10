package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.List;
import java.util.Random;

/// Any length at any time, and now and then none for a while, so that the drafter falls behind.
final class WanderingDraftLength implements DraftLengthPolicy {
  private final Random random = new Random(17);
  private final int maxDraftTokens;
  private int pause;

  WanderingDraftLength(int maxDraftTokens) {
    this.maxDraftTokens = maxDraftTokens;
  }

  @Override
  public int draftTokens(Sequence sequence, int runningSequences) {
    if (pause > 0) {
      pause--;
      return 0;
    }
    if (random.nextInt(40) == 0) {
      pause = 60;
    }
    return random.nextInt(maxDraftTokens + 1);
  }

  @Override
  public boolean mayDraft(Sequence sequence, int runningSequences) {
    return pause <= runningSequences;
  }

  @Override
  public double minConfidence() {
    return random.nextDouble();
  }

  @Override
  public boolean expectsToDraft() {
    return random.nextBoolean();
  }

  @Override
  public void observe(Sequence sequence, int allowed, int drafted, int accepted) {}

  @Override
  public void observeStep(
      StepPlan plan, Drafts drafts, int caughtUp, long draftNanos, long targetNanos) {}

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public SpeculationReport report() {
    return new AcceptanceCounts(maxDraftTokens)
        .report("test", 0, DraftLengthReason.FIXED, 0, List.of());
  }
}
