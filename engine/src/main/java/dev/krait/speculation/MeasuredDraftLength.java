package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.speculation.SpeculationReport.Choice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Chooses the draft length that promises most tokens per second, from acceptance and measured step
/// costs.
///
/// With acceptance `a`, `K` drafts yield `(1 - a^(K+1)) / (1 - a)` tokens; with `B` running
/// sequences the iteration costs a target step of `B (K + 1)` tokens and `K` draft steps of `B`. A
/// length must promise [#MARGIN] times plain decoding. While none does, a single sequence is probed
/// now and then, ever more rarely, if a better acceptance could change that; where even perfect
/// drafts would not pay, nothing is drafted at all.
public final class MeasuredDraftLength implements DraftLengthPolicy {
  private static final int REPORT_STEPS = 16;
  private static final double MARGIN = 1.06;
  private static final double PRIOR_ACCEPTANCE = 0.7;
  private static final double PRIOR_WEIGHT = 4;
  private static final double DECAY = 0.95;
  private static final int MEASURED_BATCH = 4;
  private static final int FIRST_PROBE = 64;
  private static final int LAST_PROBE = 1024;

  private final String drafter;
  private final int maxDraftTokens;
  private final StepCosts targetCosts;
  private final StepCosts draftCosts;
  private final Map<Long, History> histories = new HashMap<>();
  private final Acceptance overall = new Acceptance();
  private final AcceptanceCounts counts;
  private int lastChoice;
  private String lastReason = "nothing measured yet";
  private int lastRunning = 1;
  private double plainSteps;
  private int probeAfter = FIRST_PROBE;
  private long steps;
  private volatile SpeculationReport report;

  /// Decayed counts of accepted and rejected drafts.
  private static final class Acceptance {
    double accepted;
    double tried;

    void observe(int acceptedTokens, int triedTokens) {
      accepted = DECAY * accepted + acceptedTokens;
      tried = DECAY * tried + triedTokens;
    }

    double estimate(double prior) {
      return (accepted + PRIOR_WEIGHT * prior) / (tried + PRIOR_WEIGHT);
    }
  }

  private static final class History {
    final Acceptance acceptance = new Acceptance();
  }

  /// A policy that chooses from 0 to `maxDraftTokens`.
  ///
  /// @param maxStepTokens most tokens of a target step
  public MeasuredDraftLength(String drafter, int maxDraftTokens, int maxStepTokens) {
    this.drafter = drafter;
    this.maxDraftTokens = maxDraftTokens;
    targetCosts = new StepCosts(maxStepTokens);
    draftCosts = new StepCosts(maxStepTokens);
    counts = new AcceptanceCounts(maxDraftTokens);
    report = buildReport();
  }

  @Override
  public int draftTokens(Sequence sequence, int runningSequences) {
    History history = histories.computeIfAbsent(sequence.id(), id -> new History());
    lastRunning = runningSequences;
    int best = best(acceptance(history), runningSequences);
    if (best > 0) {
      plainSteps = 0;
      probeAfter = FIRST_PROBE;
      return choose(best, "promises most tokens per second");
    }
    if (best(1, runningSequences) == 0) {
      return choose(0, "even perfect drafts would not pay at this batch size");
    }
    plainSteps += 1.0 / runningSequences;
    if (plainSteps >= probeAfter) {
      plainSteps = 0;
      probeAfter = Math.min(LAST_PROBE, 2 * probeAfter);
      return choose(1, "probe: too few drafts were accepted");
    }
    return choose(0, "too few drafts are accepted");
  }

  /// True when drafting is likely, so that a drafter does well to follow prompts as they are
  /// computed.
  @Override
  public boolean expectsToDraft() {
    return lastChoice > 0 || targetCosts.isEmpty();
  }

  private int choose(int draftTokens, String reason) {
    lastChoice = draftTokens;
    lastReason = reason;
    return draftTokens;
  }

  private double acceptance(History history) {
    return history.acceptance.estimate(overall.estimate(PRIOR_ACCEPTANCE));
  }

  private int best(double acceptance, int running) {
    int unmeasured = unmeasured(running);
    if (unmeasured >= 0) {
      return unmeasured;
    }
    int best = 0;
    double most = rate(0, acceptance, running) * MARGIN;
    for (int k = 1; k <= maxDraftTokens; k++) {
      double rate = rate(k, acceptance, running);
      if (rate > most) {
        most = rate;
        best = k;
      }
    }
    return best;
  }

  /// Before anything can be compared, the longest, the shortest and no draft are tried a few times;
  /// -1 when that is done or when a batch is too large to try things on.
  private int unmeasured(int running) {
    if (running > MEASURED_BATCH && !targetCosts.isEmpty()) {
      return -1;
    }
    if (!targetCosts.knows(running * (1 + maxDraftTokens))) {
      return maxDraftTokens;
    }
    if (!targetCosts.knows(2 * running)) {
      return 1;
    }
    return targetCosts.knows(running) ? -1 : 0;
  }

  private static double expectedTokens(int draftTokens, double acceptance) {
    double sum = 0;
    double power = 1;
    for (int j = 0; j <= draftTokens; j++) {
      sum += power;
      power *= acceptance;
    }
    return sum;
  }

  private double cost(int draftTokens, int running) {
    return targetCosts.estimate(running * (1 + draftTokens))
        + draftTokens * draftCosts.estimate(running);
  }

  private double rate(int draftTokens, double acceptance, int running) {
    return expectedTokens(draftTokens, acceptance) / cost(draftTokens, running);
  }

  @Override
  public void observe(Sequence sequence, int drafted, int accepted) {
    if (drafted == 0) {
      return;
    }
    int tried = Math.min(accepted + 1, drafted);
    histories
        .computeIfAbsent(sequence.id(), id -> new History())
        .acceptance
        .observe(accepted, tried);
    overall.observe(accepted, tried);
    counts.observe(drafted, accepted);
  }

  @Override
  public void forget(long sequenceId) {
    histories.remove(sequenceId);
  }

  @Override
  public void observeStep(StepPlan plan, Drafts drafts, long draftNanos, long targetNanos) {
    int tokens = 0;
    int drafting = 0;
    int deepest = 0;
    for (int i = 0; i < plan.size(); i++) {
      if (plan.tokens(i) > 1 || !plan.choosesToken(i)) {
        return;
      }
      tokens += 1 + drafts.count(i);
      drafting += drafts.count(i) > 0 ? 1 : 0;
      deepest = Math.max(deepest, drafts.count(i));
    }
    targetCosts.observe(tokens, (double) targetNanos);
    if (deepest > 0) {
      draftCosts.observe(drafting, (double) draftNanos / deepest);
    }
    if (++steps % REPORT_STEPS == 0) {
      report = buildReport();
    }
  }

  private SpeculationReport buildReport() {
    double acceptance = overall.estimate(PRIOR_ACCEPTANCE);
    List<Choice> choices = new ArrayList<>();
    if (!targetCosts.isEmpty()) {
      double plain = rate(0, acceptance, lastRunning);
      for (int k = 0; k <= maxDraftTokens; k++) {
        choices.add(
            new Choice(
                k,
                expectedTokens(k, acceptance),
                cost(k, lastRunning) / 1000,
                rate(k, acceptance, lastRunning) / plain));
      }
    }
    return counts.report(drafter, lastChoice, lastReason, acceptance, choices);
  }

  @Override
  public SpeculationReport report() {
    return report;
  }
}
