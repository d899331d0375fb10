package dev.krait.speculation;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.Arrays;
import java.util.SplittableRandom;

/// Rounds of requests on a machine of known costs, disturbed by chance: how long a policy takes.
///
/// A step of `n` tokens takes a time like the CPU backend's on the shipped pair, see [Machine].
final class SimulatedSteps {
  static final int MAX_DRAFTS = 5;
  private static final int ROUNDS = 15;
  private static final int TOKENS = 200;
  private static final double CATCH_UP_MICROS = 3.5;

  /// Microseconds of steps, as measured on two machines.
  enum Machine {
    /// 512-bit vectors: the weights are read as fast for four tokens as for one.
    WIDE(21, 5) {
      @Override
      double targetMicros(int tokens) {
        return tokens <= 4 ? 430 + 65 * tokens : 690 + 115 * (tokens - 4);
      }
    },
    /// 256-bit vectors: products take four, or six, tokens at a time.
    NARROW(150, 50) {
      private static final int[] FEW = {0, 1500, 1850, 2200, 2850, 3000, 3200, 4700, 4800};

      @Override
      double targetMicros(int tokens) {
        return tokens < FEW.length ? FEW[tokens] : 400 + Math.ceilDiv(tokens, 6) * 2700;
      }
    };

    private final int draftMicros;
    private final int draftMicrosEach;

    Machine(int draftMicros, int draftMicrosEach) {
      this.draftMicros = draftMicros;
      this.draftMicrosEach = draftMicrosEach;
    }

    abstract double targetMicros(int tokens);

    double draftMicros(int sequences) {
      return draftMicros + draftMicrosEach * sequences;
    }
  }

  /// What disturbs the machine.
  ///
  /// @param jitter spread of every step
  /// @param spikes share of steps that take up to four times as long
  /// @param phaseMicros how long the machine keeps its speed, full or slow
  /// @param slowShare share of the phases that are slow
  /// @param slowFactor how much longer steps take in them
  record Disturbance(
      double jitter, double spikes, double phaseMicros, double slowShare, double slowFactor) {
    private double factor(SplittableRandom random, double now, long seed) {
      double factor = Math.exp(jitter * Math.abs(random.nextGaussian()));
      if (random.nextDouble() < spikes) {
        factor *= 1 + 3 * random.nextDouble();
      }
      return isSlow(now, seed) ? slowFactor * factor : factor;
    }

    private boolean isSlow(double now, long seed) {
      return new SplittableRandom(seed ^ (long) (now / phaseMicros) << 8).nextDouble() < slowShare;
    }
  }

  /// How good the drafter is.
  ///
  /// @param acceptance share of drafts that are right
  /// @param tells whether it knows which ones: some of its drafts are nearly always right then, the
  ///   others rarely
  record Quality(double acceptance, boolean tells) {
    private double draw(SplittableRandom random) {
      if (!tells) {
        return acceptance;
      }
      double unsure = acceptance / 3;
      double sure = 1 - (1 - acceptance) * 0.3;
      return random.nextDouble() < (acceptance - unsure) / (sure - unsure) ? sure : unsure;
    }
  }

  private final Machine machine;
  private final DraftLengthPolicy policy;
  private final int batch;
  private final Quality quality;
  private final Disturbance disturbance;
  private final long seed;
  private final SplittableRandom random;
  private final StepPlan plan;
  private final Drafts drafts;
  private final OneToken[] sequences;
  private final int[] left;
  private final int[] behind;

  /// By entry and draft, how likely it is right.
  private final double[][] rightness;

  private double now;

  SimulatedSteps(
      Machine machine,
      DraftLengthPolicy policy,
      int batch,
      Quality quality,
      Disturbance disturbance,
      long seed) {
    this.machine = machine;
    this.policy = policy;
    this.batch = batch;
    this.quality = quality;
    this.disturbance = disturbance;
    this.seed = seed;
    random = new SplittableRandom(seed);
    plan = new StepPlan(batch);
    drafts = new Drafts(batch, MAX_DRAFTS, 1);
    sequences = new OneToken[batch];
    left = new int[batch];
    behind = new int[batch];
    rightness = new double[batch][MAX_DRAFTS];
  }

  /// Microseconds until every request of every round has its tokens.
  double run() {
    for (int round = 0; round < ROUNDS; round++) {
      Arrays.fill(left, TOKENS);
      Arrays.fill(behind, 0);
      for (int i = 0; i < batch; i++) {
        sequences[i] = new OneToken((long) round * batch + i, TOKENS);
      }
      while (Arrays.stream(left).anyMatch(tokens -> tokens > 0)) {
        iterate();
      }
    }
    return now;
  }

  private void iterate() {
    plan.clear();
    drafts.clear();
    int running = (int) Arrays.stream(left).filter(tokens -> tokens > 0).count();
    int tokens = 0;
    int drafting = 0;
    int deepest = 0;
    int caughtUp = 0;
    for (int i = 0; i < batch; i++) {
      if (left[i] > 0) {
        int allowed = Math.min(policy.draftTokens(sequences[i], running), left[i] - 1);
        int length = add(sequences[i], allowed);
        tokens += 1 + length;
        drafting += length > 0 ? 1 : 0;
        deepest = Math.max(deepest, length);
        caughtUp += length > 0 ? behind[i] : 0;
        behind[i] = length > 0 ? 0 : behind[i] + 1;
      }
    }
    double draft = caughtUp * CATCH_UP_MICROS;
    for (int j = 0; j < deepest; j++) {
      draft += machine.draftMicros(drafting) * disturbance.factor(random, now, seed);
    }
    double target = machine.targetMicros(tokens) * disturbance.factor(random, now, seed);
    now += draft + target;
    policy.observeStep(plan, drafts, caughtUp, (long) (draft * 1000), (long) (target * 1000));
    accept();
  }

  private int add(Sequence sequence, int allowed) {
    int entry = plan.size();
    plan.add(sequence, 1, allowed);
    double least = policy.minConfidence();
    while (drafts.count(entry) < allowed && drafts.confidence(entry) >= least) {
      double right = quality.draw(random);
      rightness[entry][drafts.count(entry)] = right;
      drafts.next(entry).setCertain(0);
      drafts.add(entry, 0, quality.tells() ? right : 1);
    }
    return drafts.count(entry);
  }

  private void accept() {
    for (int entry = 0; entry < plan.size(); entry++) {
      int drafted = drafts.count(entry);
      int accepted = 0;
      while (accepted < drafted && random.nextDouble() < rightness[entry][accepted]) {
        accepted++;
      }
      Sequence sequence = plan.sequence(entry);
      policy.observe(sequence, plan.draftTokens(entry), drafted, accepted);
      int i = (int) (sequence.id() % batch);
      left[i] -= accepted + 1;
      sequences[i].generate(accepted + 1);
      if (left[i] == 0) {
        policy.forget(sequence);
      }
    }
  }
}
