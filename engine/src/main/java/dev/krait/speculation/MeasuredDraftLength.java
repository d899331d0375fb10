package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.speculation.SpeculationReport.Choice;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/// Chooses the draft length that promises most tokens per second, from acceptance and measured step
/// costs.
///
/// With acceptance `a`, `K` drafts yield `(1 - a^(K+1)) / (1 - a)` tokens; with `B` running
/// sequences the iteration costs a target step of `B (K + 1)` tokens and `K` draft steps of `B`. A
/// length must promise some percent over plain decoding. Small batches try each kind of step a few
/// times first. Later other lengths are tried for a step now and then, so that the comparison stays
/// true on a machine whose speed changes: as often as [#CHECK_SHARE] of the time pays for what such
/// steps are expected to lose, a drafter that must first catch up included. Where even perfect
/// drafts would not pay, nothing is drafted.
public final class MeasuredDraftLength implements DraftLengthPolicy {
  private static final int REPORT_STEPS = 16;

  /// What drafting must promise over plain decoding for one sequence, and for several: these then
  /// end at different times, and the last ones share no step.
  private static final double MARGIN_ALONE = 1.08;

  private static final double MARGIN_TOGETHER = 1.2;
  private static final double PRIOR_ACCEPTANCE = 0.7;
  private static final double PRIOR_WEIGHT = 8;
  private static final double DECAY = 0.95;
  private static final int MEASURED_BATCH = 8;
  private static final int SAMPLES_ALONE = 6;
  private static final int SAMPLES_TOGETHER = 2;

  /// Share of the time that may be lost to checks.
  private static final double CHECK_SHARE = 0.01;

  /// What a check counts as lost at least, as a share of an iteration.
  private static final double LEAST_LOST = 0.1;

  private static final double CATCH_UP_WEIGHT = 0.2;

  private final String drafter;
  private final int maxDraftTokens;
  private final StepCosts targetCosts;
  private final StepCosts draftCosts;
  private final IdentityHashMap<Sequence, Acceptance> bySequence = new IdentityHashMap<>();
  private final Acceptance overall = new Acceptance();
  private final AcceptanceCounts counts;

  /// Cost of an iteration by draft length for [#costsFor] running sequences; filled once a step.
  private final double[] costs;

  private int costsFor = -1;
  private int lastChoice;
  private DraftLengthReason lastReason = DraftLengthReason.UNMEASURED;
  private int lastRunning = 1;

  /// Nanoseconds that checks may lose by now.
  private double allowance;

  /// Length that the next step checks; -1 for none.
  private int check = -1;

  private int checks;

  /// Tokens of each sequence that the drafter has not followed.
  private double behind;

  /// Estimated time of catching up with a token.
  private double catchUpNanos;

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

  /// A policy that chooses from 0 to `maxDraftTokens`.
  ///
  /// @param maxStepTokens most tokens of a target step
  public MeasuredDraftLength(String drafter, int maxDraftTokens, int maxStepTokens) {
    this.drafter = drafter;
    this.maxDraftTokens = maxDraftTokens;
    targetCosts = new StepCosts(maxStepTokens);
    draftCosts = new StepCosts(maxStepTokens);
    counts = new AcceptanceCounts(maxDraftTokens);
    costs = new double[maxDraftTokens + 1];
    report = buildReport();
  }

  @Override
  public int draftTokens(Sequence sequence, int runningSequences) {
    lastRunning = runningSequences;
    if (runningSequences <= MEASURED_BATCH) {
      int least = leastMeasured(runningSequences);
      if (least >= 0) {
        return choose(least, DraftLengthReason.MEASURING);
      }
    } else if (targetCosts.isEmpty()) {
      return choose(0, DraftLengthReason.UNMEASURED);
    }
    if (check >= 0) {
      return choose(check, DraftLengthReason.CHECKING);
    }
    int best = best(acceptance(sequence), runningSequences);
    if (best > 0) {
      return choose(best, DraftLengthReason.FASTEST);
    }
    return choose(
        0,
        best(1, runningSequences) > 0
            ? DraftLengthReason.REJECTED
            : DraftLengthReason.UNAFFORDABLE);
  }

  /// Decides whether the next step checks another length, when an iteration of `nanos` has ended.
  private void planCheck(int running, double nanos) {
    allowance += CHECK_SHARE * nanos;
    check = -1;
    double acceptance = overall.estimate(PRIOR_ACCEPTANCE);
    int best = best(acceptance, running);
    int other = best > 0 ? neighbour(best) : Math.max(1, best(1, running));
    double lost =
        cost(other, running)
            - expectedTokens(other, acceptance) / rate(best, acceptance, running)
            + running * behind * catchUpNanos;
    if (Math.max(lost, LEAST_LOST * nanos) <= allowance) {
      check = other;
      checks++;
      allowance = 0;
    }
  }

  /// No draft, one more or one less, in turn.
  private int neighbour(int best) {
    return switch (checks % 4) {
      case 0, 2 -> 0;
      case 1 -> best < maxDraftTokens ? best + 1 : 0;
      default -> best - 1;
    };
  }

  /// True when drafting is likely, so that a drafter does well to follow prompts as they are
  /// computed.
  @Override
  public boolean expectsToDraft() {
    return lastChoice > 0 || targetCosts.isEmpty();
  }

  private int choose(int draftTokens, DraftLengthReason reason) {
    lastChoice = draftTokens;
    lastReason = reason;
    return draftTokens;
  }

  private Acceptance of(Sequence sequence) {
    return bySequence.computeIfAbsent(sequence, any -> new Acceptance());
  }

  private double acceptance(Sequence sequence) {
    return of(sequence).estimate(overall.estimate(PRIOR_ACCEPTANCE));
  }

  private int best(double acceptance, int running) {
    int best = 0;
    double most = rate(0, acceptance, running) * (running == 1 ? MARGIN_ALONE : MARGIN_TOGETHER);
    for (int k = 1; k <= maxDraftTokens; k++) {
      double rate = rate(k, acceptance, running);
      if (rate > most) {
        most = rate;
        best = k;
      }
    }
    return best;
  }

  /// Of the longest, the shortest and no draft, the one measured least; -1 when all are known.
  private int leastMeasured(int running) {
    int least = maxDraftTokens;
    for (int k = 0; k <= 1; k++) {
      if (targetCosts.samples(running * (1 + k)) < targetCosts.samples(running * (1 + least))) {
        least = k;
      }
    }
    int enough = running == 1 ? SAMPLES_ALONE : SAMPLES_TOGETHER;
    return targetCosts.samples(running * (1 + least)) >= enough ? -1 : least;
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

  /// Cost of an iteration. Steps together never cost more than one after the other, whatever was
  /// measured in a bad moment: a length that looks worse than that is still worth a check.
  private double cost(int draftTokens, int running) {
    if (costsFor != running) {
      double plain = targetCosts.estimate(running);
      double draft = Math.min(draftCosts.estimate(running), plain);
      for (int k = 0; k <= maxDraftTokens; k++) {
        costs[k] = Math.min(targetCosts.estimate(running * (1 + k)), plain * (1 + k)) + k * draft;
      }
      costsFor = running;
    }
    return costs[draftTokens];
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
    of(sequence).observe(accepted, tried);
    overall.observe(accepted, tried);
    counts.observe(drafted, accepted);
  }

  @Override
  public void forget(Sequence sequence) {
    bySequence.remove(sequence);
  }

  @Override
  public void observeStep(
      StepPlan plan, Drafts drafts, int caughtUp, long draftNanos, long targetNanos) {
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
    costsFor = -1;
    targetCosts.observe(tokens, (double) targetNanos);
    if (deepest > 0) {
      observeDrafts(drafting, deepest, caughtUp, (double) draftNanos);
    } else {
      behind++;
    }
    planCheck(plan.size(), (double) (draftNanos + targetNanos));
    if (++steps % REPORT_STEPS == 0) {
      report = buildReport();
    }
  }

  private void observeDrafts(int drafting, int deepest, int caughtUp, double nanos) {
    behind = 0;
    if (caughtUp == 0) {
      draftCosts.observe(drafting, nanos / deepest);
    } else {
      double extra = Math.max(0, nanos - deepest * draftCosts.estimate(drafting)) / caughtUp;
      catchUpNanos += (catchUpNanos == 0 ? 1 : CATCH_UP_WEIGHT) * (extra - catchUpNanos);
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
