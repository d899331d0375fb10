package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.List;

/// Always the same draft length, for tests and measurements.
public final class FixedDraftLength implements DraftLengthPolicy {
  private static final int REPORT_STEPS = 16;
  private final String drafter;
  private final int draftTokens;
  private final AcceptanceCounts counts;
  private long accepted;
  private long tried;
  private long steps;
  private volatile SpeculationReport report;

  /// A policy that always answers `draftTokens`.
  public FixedDraftLength(String drafter, int draftTokens) {
    this.drafter = drafter;
    this.draftTokens = draftTokens;
    counts = new AcceptanceCounts(Math.max(1, draftTokens));
    report = buildReport();
  }

  @Override
  public int draftTokens(Sequence sequence, int runningSequences) {
    return draftTokens;
  }

  @Override
  public double minConfidence() {
    return 0;
  }

  @Override
  public boolean expectsToDraft() {
    return draftTokens > 0;
  }

  @Override
  public void observe(Sequence sequence, int allowed, int drafted, int acceptedTokens) {
    if (drafted > 0) {
      counts.observe(drafted, acceptedTokens);
      accepted += acceptedTokens;
      tried += Math.min(acceptedTokens + 1, drafted);
    }
  }

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void observeStep(
      StepPlan plan, Drafts drafts, int caughtUp, long draftNanos, long targetNanos) {
    if (++steps % REPORT_STEPS == 0) {
      report = buildReport();
    }
  }

  private SpeculationReport buildReport() {
    double acceptance = tried == 0 ? 0 : (double) accepted / tried;
    return counts.report(drafter, draftTokens, DraftLengthReason.FIXED, acceptance, List.of());
  }

  @Override
  public SpeculationReport report() {
    return report;
  }
}
