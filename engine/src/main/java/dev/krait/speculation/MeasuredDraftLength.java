package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.Arrays;
import java.util.IdentityHashMap;

/// Chooses the draft length that promises most tokens per second, from acceptance and measured step
/// costs.
///
/// With acceptance `a`, `K` drafts yield `(1 - a^(K+1)) / (1 - a)` tokens; with `B` running
/// sequences the iteration costs a target step of `B (K + 1)` tokens and `K` draft steps of `B`.
/// The chosen length is the most that a step may draft: a drafter that is no longer sure of its
/// drafts ends them sooner, and both terms count what [DraftReach] says. For several sequences a
/// length must promise some percent over plain decoding. Small batches try each kind of step a few
/// times first. Later other lengths are tried for a step now and then, so that the comparison stays
/// true on a machine whose speed changes: as often as a small share of the time pays for what such
/// steps are expected to lose, a drafter that must first catch up included. Where even perfect
/// drafts would not pay, nothing is drafted.
public final class MeasuredDraftLength implements DraftLengthPolicy {
  private static final int REPORT_STEPS = 16;

  /// Steps after which the code of most steps is compiled, and of all.
  private static final int COLD_STEPS = 256;

  private static final int WARM_STEPS = 2048;

  /// What drafting must promise over plain decoding for several sequences: they end at different
  /// times, and the last ones share no step.
  private static final double MARGIN_TOGETHER = 1.1;

  /// A drafter goes on while it gives all its drafts together this probability. With the shipped
  /// pair, greedy and at temperature 0.7, everything from 0.3 to 0.5 is within 1 % of the best on
  /// machines where six tokens cost 1.4 times one and where they cost twice as much.
  private static final double MIN_CONFIDENCE = 0.4;

  private static final int MEASURED_BATCH = IterationCosts.MAX_OWN;
  private static final int SAMPLES_ALONE = 4;
  private static final int SAMPLES_TOGETHER = 1;

  /// Steps that may be spent on measuring one batch size; those beside prompts measure nothing.
  private static final int MAX_MEASURING = 18;

  /// Share of the tokens that a sequence may still generate which it is expected to generate.
  private static final double EXPECTED_SHARE = 0.5;

  /// Share of the time that may be lost to checks: one sequence has more to win.
  private static final double CHECK_SHARE_ALONE = 0.01;

  private static final double CHECK_SHARE_TOGETHER = 0.0025;

  /// What a check counts as lost at least, as a share of an iteration.
  private static final double MIN_LOST = 0.1;

  /// Plain steps by which measurements may have lost too much.
  private static final double MAX_DEBT_STEPS = 4;

  /// How much better a length might be than it looks.
  private static final double HOPE = 1.2;

  /// Steps after which one sequence no longer believes what a length looks like: it may have been
  /// measured while the machine did something else.
  private static final int STALE_STEPS = 256;

  /// What one sequence must win by drafting for plain decoding not to be measured all the time.
  private static final double DOUBTFUL = 1.15;

  /// Steps after which a measured time no longer says what the machine does now.
  private static final int FRESH_STEPS = 32;

  private final String drafter;
  private final int maxDraftTokens;
  private final int maxStepTokens;
  private IterationCosts costs;
  private final IdentityHashMap<Sequence, Acceptance> bySequence = new IdentityHashMap<>();
  private final Acceptance overall = Acceptance.ofAll();
  private final DraftReach reach = new DraftReach();
  private final AcceptanceCounts counts;
  private boolean chosen;
  private int lastChoice;
  private DraftLengthReason lastReason = DraftLengthReason.UNMEASURED;
  private DraftLengthReason decidedReason = DraftLengthReason.UNMEASURED;
  private int lastRunning = 1;
  private final LengthChecks checks = new LengthChecks();

  /// Tokens of all sequences that the drafter has not followed.
  private int behind;

  /// Steps spent on measuring, by batch size.
  private final int[] measuring = new int[MEASURED_BATCH + 1];

  /// True when the last step had drafts. The step after one with drafts still has what was accepted
  /// to fold in, so that the first without drafts, and the first with, say little about the next.
  private boolean drafted;

  private final DraftTrust trust = new DraftTrust();

  /// What [#expectsToDraft] answered last.
  private boolean followsPrompts;

  private long steps;
  private volatile SpeculationReport report;

  /// A policy that chooses from 0 to `maxDraftTokens`.
  ///
  /// @param maxStepTokens most tokens of a target step
  public MeasuredDraftLength(String drafter, int maxDraftTokens, int maxStepTokens) {
    this.drafter = drafter;
    this.maxDraftTokens = maxDraftTokens;
    this.maxStepTokens = maxStepTokens;
    costs = new IterationCosts(maxDraftTokens, maxStepTokens, reach);
    counts = new AcceptanceCounts(maxDraftTokens);
    report = buildReport();
  }

  @Override
  public int draftTokens(Sequence sequence, int runningSequences) {
    lastRunning = runningSequences;
    return choose(decide(sequence, runningSequences), decidedReason);
  }

  @Override
  public boolean mayDraft(Sequence sequence, int runningSequences) {
    return decide(sequence, runningSequences) > 0;
  }

  private int decide(Sequence sequence, int runningSequences) {
    double catchUp = lag(sequence) * costs.catchUp();
    if (runningSequences <= MEASURED_BATCH
        && measuring[runningSequences] < MAX_MEASURING
        && catchUp * runningSequences <= costs.of(0, runningSequences)) {
      int least =
          costs.minMeasured(
              runningSequences, runningSequences == 1 ? SAMPLES_ALONE : SAMPLES_TOGETHER);
      if (least >= 0) {
        return decided(least, DraftLengthReason.MEASURING);
      }
    } else if (costs.isEmpty()) {
      return decided(0, DraftLengthReason.UNMEASURED);
    }
    if (checks.isRunning()) {
      return decided(checks.length(), DraftLengthReason.CHECKING);
    }
    int best = best(acceptance(sequence), runningSequences);
    if (best > 0 && runningSequences > 1 && !trust.holds(runningSequences)) {
      return decided(0, DraftLengthReason.CONFIRMING);
    }
    if (best > 0) {
      return catchUp <= saved(best, sequence, runningSequences)
          ? decided(best, DraftLengthReason.FASTEST)
          : decided(0, DraftLengthReason.BEHIND);
    }
    return decided(
        0,
        best(1, runningSequences) > 0
            ? DraftLengthReason.REJECTED
            : DraftLengthReason.UNAFFORDABLE);
  }

  private int decided(int draftTokens, DraftLengthReason reason) {
    decidedReason = reason;
    return draftTokens;
  }

  /// Tokens that the drafter would first have to catch up with.
  private int lag(Sequence sequence) {
    int draftModelTokens =
        Math.max(of(sequence).draftModelTokens, sequence.memory().draftModelTokens());
    return Math.max(0, sequence.tokens() - draftModelTokens - maxDraftTokens - 1);
  }

  /// Nanoseconds that drafting is expected to save a sequence in all.
  private double saved(int draftTokens, Sequence sequence, int running) {
    int left =
        sequence.request().stop().maxTokens() - (sequence.tokens() - sequence.promptTokens());
    double perToken =
        costs.of(0, running)
            - costs.allowing(draftTokens, running)
                / reach.expectedTokens(draftTokens, acceptance(sequence));
    return EXPECTED_SHARE * left * perToken / running;
  }

  /// Decides whether the next step checks another length, when an iteration of `nanos` has ended;
  /// what a check really lost is taken from the allowance.
  private void planCheck(int running, double nanos) {
    double acceptance = overall.estimate(Acceptance.PRIOR);
    int best = best(acceptance, running);
    boolean promised = trust.observe(running, best > 0);
    checks.earn((running == 1 ? CHECK_SHARE_ALONE : CHECK_SHARE_TOGETHER) * nanos);
    if (isProbing()) {
      double worth = reach.expectedTokens(lastChoice, acceptance) / rate(best, acceptance, running);
      checks.pay(nanos - worth, MAX_DEBT_STEPS * costs.of(0, running));
    }
    if (checks.endStep()) {
      return;
    }
    if (running > 1 && promised && !planConfirmation(best, running)) {
      return;
    }
    if (running == 1
        && best > 0
        && costs.age(0, 1) >= FRESH_STEPS
        && rate(best, acceptance, 1) < DOUBTFUL * rate(0, acceptance, 1)) {
      checks.start(0);
      return;
    }
    if (!checks.isDue()) {
      return;
    }
    int other = best > 0 ? rival(best, acceptance, running) : Math.max(1, best(1, running));
    double lost =
        costs.of(other, running)
            - reach.expectedTokens(other, acceptance) / rate(best, acceptance, running);
    double price = LengthChecks.STEPS * Math.max(lost, MIN_LOST * nanos) + behind * costs.catchUp();
    if (checks.affords(price)) {
      checks.start(other);
    }
  }

  /// Several sequences only believe times of now: what else a machine does for a tenth of a second
  /// makes plain steps look slow beside drafts that were measured before.
  ///
  /// @return false when a check was planned
  private boolean planConfirmation(int best, int running) {
    if (costs.age(0, running) >= FRESH_STEPS) {
      checks.start(0);
    } else if (costs.age(best, running) >= FRESH_STEPS) {
      checks.start(best);
    } else {
      trust.confirm(running);
      return true;
    }
    return false;
  }

  /// Of the lengths that might be as good as the best, or are no longer known, and no draft, the
  /// one not measured for longest.
  private int rival(int best, double acceptance, int running) {
    int rival = 0;
    double enough = rate(best, acceptance, running) / HOPE;
    for (int k = 1; k <= maxDraftTokens; k++) {
      if (k != best
          && (rate(k, acceptance, running) > enough
              || (running == 1 && costs.age(k, running) >= STALE_STEPS))
          && costs.age(k, running) > costs.age(rival, running)) {
        rival = k;
      }
    }
    return rival;
  }

  /// True when drafting is likely, so that a drafter does well to follow prompts as they are
  /// computed.
  @Override
  public boolean expectsToDraft() {
    followsPrompts = lastChoice > 0 || costs.isEmpty();
    return followsPrompts;
  }

  /// What a step is taken for: its longest drafts, of equals those that measure.
  private int choose(int draftTokens, DraftLengthReason reason) {
    if (!chosen || draftTokens > lastChoice || (draftTokens == lastChoice && !isProbing())) {
      lastChoice = draftTokens;
      lastReason = reason;
      chosen = true;
    }
    return draftTokens;
  }

  private Acceptance of(Sequence sequence) {
    return bySequence.computeIfAbsent(sequence, any -> Acceptance.ofSequence());
  }

  private double acceptance(Sequence sequence) {
    return of(sequence).estimate(overall.estimate(Acceptance.PRIOR));
  }

  private int best(double acceptance, int running) {
    int best = 0;
    double most = rate(0, acceptance, running) * (running == 1 ? 1 : MARGIN_TOGETHER);
    for (int k = 1; k <= maxDraftTokens; k++) {
      double rate = rate(k, acceptance, running);
      if (rate > most) {
        most = rate;
        best = k;
      }
    }
    return best;
  }

  private double rate(int draftTokens, double acceptance, int running) {
    return reach.expectedTokens(draftTokens, acceptance) / costs.allowing(draftTokens, running);
  }

  /// True when the step measures a length: then it drafts as many, sure or not.
  private boolean isProbing() {
    return lastReason == DraftLengthReason.CHECKING || lastReason == DraftLengthReason.MEASURING;
  }

  @Override
  public double minConfidence() {
    return isProbing() ? 0 : MIN_CONFIDENCE;
  }

  @Override
  public void observe(Sequence sequence, int allowed, int drafted, int accepted) {
    if (drafted == 0) {
      of(sequence).fade();
      return;
    }
    int tried = Math.min(accepted + 1, drafted);
    of(sequence).observe(accepted, tried);
    overall.observe(accepted, tried);
    if (!isProbing()) {
      reach.observe(allowed, drafted, accepted);
      costs.reachChanged();
    }
    counts.observe(drafted, accepted);
  }

  @Override
  public void forget(Sequence sequence) {
    bySequence.remove(sequence);
  }

  @Override
  public void observeStep(
      StepPlan plan, Drafts drafts, int caughtUp, long draftNanos, long targetNanos) {
    chosen = false;
    int tokens = 0;
    int drafting = 0;
    int deepest = 0;
    boolean draftedBefore = drafted;
    boolean computesPrompts = false;
    behind = 0;
    for (int i = 0; i < plan.size(); i++) {
      computesPrompts |= follow(plan, drafts, i);
      tokens += 1 + drafts.count(i);
      drafting += drafts.count(i) > 0 ? 1 : 0;
      deepest = Math.max(deepest, drafts.count(i));
    }
    if (lastReason == DraftLengthReason.MEASURING && lastRunning <= MEASURED_BATCH) {
      measuring[lastRunning]++;
    }
    if (computesPrompts) {
      return;
    }
    drafted = deepest > 0;
    if (drafted == draftedBefore) {
      costs.observeTarget(plan.size(), tokens, (double) targetNanos);
    }
    if (deepest > 0) {
      costs.observeDrafts(drafting, deepest, caughtUp, (double) draftNanos);
    }
    planCheck(plan.size(), (double) (draftNanos + targetNanos));
    if (++steps == COLD_STEPS || steps == WARM_STEPS) {
      forgetCosts();
    }
    if (steps % REPORT_STEPS == 0) {
      report = buildReport();
    }
  }

  /// Notes how far the drafter has followed an entry.
  ///
  /// @return true when the entry computes a prompt
  private boolean follow(StepPlan plan, Drafts drafts, int entry) {
    Sequence sequence = plan.sequence(entry);
    if (plan.tokens(entry) > 1 || !plan.choosesToken(entry)) {
      if (followsPrompts) {
        of(sequence).draftModelTokens = plan.endPosition(entry);
      }
      return true;
    }
    if (drafts.count(entry) > 0) {
      of(sequence).draftModelTokens = plan.endPosition(entry);
    }
    behind += lag(sequence);
    return false;
  }

  /// What was measured while code was being compiled is measured again.
  private void forgetCosts() {
    costs = new IterationCosts(maxDraftTokens, maxStepTokens, reach);
    Arrays.fill(measuring, 0);
    checks.stop();
  }

  private SpeculationReport buildReport() {
    double acceptance = overall.estimate(Acceptance.PRIOR);
    var choices = costs.choices(acceptance, lastRunning);
    return counts.report(drafter, lastChoice, lastReason, acceptance, choices);
  }

  @Override
  public SpeculationReport report() {
    return report;
  }
}
