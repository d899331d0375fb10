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
/// length must promise [#MARGIN] more than plain decoding. Sequences for which that holds for no
/// length are probed now and then, ever more rarely, so that they recover when acceptance does.
public final class MeasuredDraftLength implements DraftLengthPolicy {
  private static final int REPORT_STEPS = 16;
  private static final double MARGIN = 1.03;
  private static final double PRIOR_ACCEPTANCE = 0.7;
  private static final double PRIOR_WEIGHT = 4;
  private static final double DECAY = 0.95;
  private static final int FIRST_PROBE = 32;
  private static final int LAST_PROBE = 512;

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
    int plainSteps;
    int probeAfter = FIRST_PROBE;
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
    if (best == 0) {
      history.plainSteps++;
      if (history.plainSteps >= history.probeAfter) {
        history.plainSteps = 0;
        history.probeAfter = Math.min(LAST_PROBE, 2 * history.probeAfter);
        return choose(1, "probe: no length promised more than plain decoding");
      }
      return choose(0, "no length promises more than plain decoding");
    }
    history.plainSteps = 0;
    history.probeAfter = FIRST_PROBE;
    return choose(best, "promises most tokens per second");
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
    if (targetCosts.isEmpty()) {
      return maxDraftTokens;
    }
    double plain = rate(0, acceptance, running);
    int best = 0;
    double most = plain * MARGIN;
    for (int k = 1; k <= maxDraftTokens; k++) {
      double rate = rate(k, acceptance, running);
      if (rate > most) {
        most = rate;
        best = k;
      }
    }
    return best;
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
