package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.SamplingParams;
import dev.krait.loading.StoredType;
import dev.krait.runner.Drafts;
import dev.krait.runner.ForwardPass;
import dev.krait.runner.ModelRig;
import dev.krait.scheduler.StepPlan;
import dev.krait.speculation.ModelDrafter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Times speculative decoding of a target and a draft model, without scheduler, sampling or
/// network: steps of the target by their tokens, draft steps, and whole iterations.
///
/// How many drafts are right is not the models' but given, so that models of random weights can be
/// measured: the drafter drafts, the target verifies, and then so many drafts count as accepted.
final class SpeculationBench implements AutoCloseable {
  private static final int[] BATCHES = {1, 4, 16};
  private static final int MAX_BATCH = 16;
  private static final int MAX_VERIFIED = 8;
  private static final int PROMPT_TOKENS = 16;
  private static final int ROUNDS = 5;
  private static final long ROUND_NANOS = 500_000_000L;
  private static final long WARM_UP_NANOS = 2_000_000_000L;

  private final ModelRig rig;
  private final ForwardPass target;
  private final ForwardPass draft;
  private final KvCachePools pools;
  private final int maxTokens;
  private final int vocabSize;
  private final int draftTokens;
  private final double tokensPerIteration;
  private final StepPlan plan = new StepPlan(MAX_BATCH);
  private final Drafts drafts;
  private double accepted;
  private double draftNanos;
  private long nextId;

  /// One step, or one iteration, of all sequences.
  private interface Step {
    void run(List<BenchSequence> sequences, ModelDrafter drafter);
  }

  /// Loads both.
  ///
  /// @param draftTokens drafts of an iteration
  /// @param tokensPerIteration mean of the tokens that an iteration gives, from 1 to all drafts and
  ///   one more
  SpeculationBench(
      Path targetFolder,
      Path draftFolder,
      Backend backend,
      int draftTokens,
      double tokensPerIteration) {
    this.draftTokens = draftTokens;
    this.tokensPerIteration = tokensPerIteration;
    maxTokens =
        Math.min(
            ModelBench.measurableTokens(targetFolder), ModelBench.measurableTokens(draftFolder));
    int window = Math.max(MAX_VERIFIED, draftTokens + 1);
    int maxRows = MAX_BATCH * Math.max(PROMPT_TOKENS, window);
    rig =
        new ModelRig(
            targetFolder,
            Optional.of(draftFolder),
            backend,
            StoredType.STORED,
            new ModelRig.Sizes(MAX_BATCH, maxTokens, maxRows, window));
    pools = new KvCachePools(rig.layout());
    target = rig.target();
    draft = rig.draft().orElseThrow();
    int draftVocab = draft.model().spec().vocabSize();
    vocabSize = Math.min(target.model().spec().vocabSize(), draftVocab);
    drafts = new Drafts(MAX_BATCH, draftTokens, draftVocab);
  }

  /// Plain steps, verify steps of 2 to 8 tokens and draft steps of one sequence, then iterations of
  /// 1, 4 and 16.
  List<SpeculationRow> run() {
    List<SpeculationRow> rows = new ArrayList<>();
    double plain = seconds(1, 1, this::plainStep);
    rows.add(row("plain", 1, 1, plain, 1, 1));
    for (int count = 2; count <= MAX_VERIFIED; count++) {
      int verified = count;
      double verify = seconds(1, 1, (all, drafter) -> verifyStep(all, verified));
      rows.add(row("verify", 1, count, verify, 1, verify / plain));
    }
    double drafting = seconds(1, 1, this::draftStep);
    rows.add(row("draft", 1, 1, drafting, 1, drafting / plain));
    for (int batch : BATCHES) {
      double step = batch == 1 ? plain : seconds(batch, 1, this::plainStep);
      if (batch > 1) {
        rows.add(row("plain", batch, 1, step, batch, 1));
      }
      double iteration = seconds(batch, draftTokens + 1, this::iterate);
      double tokens = batch * tokensPerIteration;
      rows.add(
          new SpeculationRow(
              "loop",
              batch,
              draftTokens + 1,
              iteration * 1e6,
              tokens / iteration,
              tokensPerIteration * step / iteration,
              draftNanos * 1e-3));
    }
    return rows;
  }

  private static SpeculationRow row(
      String what, int batch, int tokens, double seconds, int out, double overPlain) {
    return new SpeculationRow(what, batch, tokens, seconds * 1e6, out / seconds, overPlain, 0);
  }

  /// Median over rounds of the seconds that a step takes.
  ///
  /// @param most tokens that a step appends to a sequence at most
  private double seconds(int batch, int most, Step step) {
    long warm = System.nanoTime() + WARM_UP_NANOS;
    do {
      round(batch, most, step);
    } while (System.nanoTime() < warm);
    double[] seconds = new double[ROUNDS];
    double[] drafting = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      seconds[i] = round(batch, most, step);
      drafting[i] = draftNanos;
    }
    draftNanos = ModelBench.median(drafting);
    return ModelBench.median(seconds);
  }

  /// Fresh sequences with a short prompt, then steps until the time is up or a sequence is full;
  /// leaves in [#draftNanos] what drafting took of a step.
  private double round(int batch, int most, Step step) {
    ModelDrafter drafter = new ModelDrafter(draft, MAX_BATCH, draftTokens);
    List<BenchSequence> sequences = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      sequences.add(open(i));
    }
    prompts(sequences, drafter);
    draftNanos = 0;
    accepted = 0;
    long start = System.nanoTime();
    int steps = 0;
    while (sequences.getFirst().room() > most && System.nanoTime() - start < ROUND_NANOS) {
      step.run(sequences, drafter);
      steps++;
    }
    double seconds = (System.nanoTime() - start) * 1e-9 / steps;
    draftNanos /= steps;
    sequences.forEach(sequence -> sequence.memory().close());
    return seconds;
  }

  private BenchSequence open(int index) {
    int[] prompt = new int[PROMPT_TOKENS];
    for (int j = 0; j < prompt.length; j++) {
      prompt[j] = (7 * j + 3 + index) % vocabSize;
    }
    return new BenchSequence(nextId++, prompt, maxTokens, pools.open().orElseThrow().memory());
  }

  private void prompts(List<BenchSequence> sequences, ModelDrafter drafter) {
    plan.clear();
    drafts.clear();
    target.begin();
    for (BenchSequence sequence : sequences) {
      ModelBench.reserve(sequence.memory(), PROMPT_TOKENS, 0);
      plan.add(sequence, PROMPT_TOKENS, 0);
      addRows(sequence, PROMPT_TOKENS, PROMPT_TOKENS);
    }
    drafter.propose(plan, drafts, 0, true);
    target.execute();
    settle(sequences, PROMPT_TOKENS, 1);
  }

  private void plainStep(List<BenchSequence> sequences, ModelDrafter drafter) {
    target.begin();
    for (BenchSequence sequence : sequences) {
      ModelBench.reserve(sequence.memory(), 1, 0);
      addRows(sequence, 1, 1);
    }
    target.execute();
    settle(sequences, 1, 1);
  }

  /// Verifies tokens of which all but the first turn out wrong.
  private void verifyStep(List<BenchSequence> sequences, int count) {
    target.begin();
    for (BenchSequence sequence : sequences) {
      ModelBench.reserve(sequence.memory(), 0, count);
      int row = addRows(sequence, count, 0);
      for (int j = 1; j < count; j++) {
        target.setToken(row + j, j);
      }
    }
    target.execute();
    settle(sequences, 1, count);
  }

  /// A step of the draft model alone.
  private void draftStep(List<BenchSequence> sequences, ModelDrafter drafter) {
    draft.begin();
    for (BenchSequence sequence : sequences) {
      ModelBench.reserve(sequence.memory(), 1, 0);
      int row = draft.add(sequence.memory(), sequence.computedTokens(), 1, 1, 0, 0);
      draft.setToken(row, sequence.tokenAt(sequence.computedTokens()));
      draft.choose(row, SamplingParams.greedy());
    }
    draft.execute();
    for (int i = 0; i < sequences.size(); i++) {
      sequences.get(i).memory().commit(1);
      sequences.get(i).append(Math.max(0, draft.chosen(i)) % vocabSize);
    }
  }

  private void iterate(List<BenchSequence> sequences, ModelDrafter drafter) {
    long start = System.nanoTime();
    plan.clear();
    drafts.clear();
    for (BenchSequence sequence : sequences) {
      ModelBench.reserve(sequence.memory(), 0, 1 + draftTokens);
      plan.add(sequence, 1, draftTokens);
    }
    drafter.propose(plan, drafts, 0, false);
    draftNanos += (double) (System.nanoTime() - start);
    target.begin();
    for (int i = 0; i < sequences.size(); i++) {
      int row = addRows(sequences.get(i), 1 + draftTokens, 0);
      for (int j = 0; j < draftTokens; j++) {
        target.setToken(row + 1 + j, drafts.id(i, j) % vocabSize);
      }
    }
    target.execute();
    accepted += tokensPerIteration - 1;
    int right = Math.min((int) accepted, draftTokens);
    accepted -= right;
    for (int i = 0; i < sequences.size(); i++) {
      for (int j = 0; j < right; j++) {
        sequences.get(i).append(drafts.id(i, j));
      }
    }
    settle(sequences, 1 + right, 1 + draftTokens);
  }

  /// Adds rows from the last computed token on, of which the first is known, or all of a prompt.
  private int addRows(BenchSequence sequence, int count, int direct) {
    int first = sequence.computedTokens();
    SequenceCache memory = sequence.memory();
    int row = target.add(memory, first, count, direct, memory.pendingTokens(), 0);
    for (int j = 0; j < count && first + j < sequence.tokens(); j++) {
      target.setToken(row + j, sequence.tokenAt(first + j));
    }
    for (int j = direct > 1 ? count - 1 : 0; j < count; j++) {
      target.choose(row + j, SamplingParams.greedy());
    }
    return row;
  }

  /// Takes the largest logit of every row, commits, and appends what follows the last right one.
  private void settle(List<BenchSequence> sequences, int committed, int outputs) {
    for (int i = 0; i < sequences.size(); i++) {
      int next = 0;
      for (int j = 0; j < outputs; j++) {
        int token = target.chosen(i * outputs + j);
        next = j == Math.min(committed, outputs) - 1 ? token : next;
      }
      sequences.get(i).memory().commit(committed);
      sequences.get(i).append(Math.max(0, next) % vocabSize);
    }
  }

  @Override
  public void close() {
    rig.close();
  }
}
