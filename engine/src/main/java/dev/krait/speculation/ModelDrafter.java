package dev.krait.speculation;

import dev.krait.backend.StepInputs;
import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.SamplingParams;
import dev.krait.runner.Drafts;
import dev.krait.runner.ForwardPass;
import dev.krait.runner.WarmUp;
import dev.krait.sampling.Distribution;
import dev.krait.sampling.PhiloxRandom;
import dev.krait.sampling.PhiloxRandom.Purpose;
import dev.krait.sampling.Sampler;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.IdentityHashMap;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// A small model of the same vocabulary: a Transformer, a Mamba or a hybrid.
///
/// It computes prompt chunks beside the target, from where a kept prefix ends if the prefix has the
/// draft model's share. A round first feeds the tokens that the target has accepted since (they
/// advance the states, after the accepted drafts in the replay window), then its own drafts one by
/// one, which stay in the window: each further draft replays the unverified ones before it. Blocks
/// and slots are the sequence's own, which also knows how far the draft model has come; the tensors
/// are separate.
///
/// A pass takes the drafts that the one before chose from where they lie. On a backend that runs
/// ahead it is submitted before they are known: where they turn out unsure, it has made one draft
/// in vain, which is dropped.
public final class ModelDrafter implements Drafter {
  /// Known tokens that a round may have to feed: the last draft, accepted but never fed, and the
  /// token after it.
  private static final int ROUND_TOKENS = 2;

  private final ForwardPass pass;
  private final Sampler sampler;
  private final int maxDraftTokens;
  private final IdentityHashMap<Sequence, Window> windows = new IdentityHashMap<>();
  private final boolean ahead;

  /// The pass that is being filled and the one before.
  private Round round;

  private Round before;

  /// For each entry, the output of the last pass that is its latest draft; -1 when the host knows
  /// that draft.
  private final int[] source;

  /// Whether an entry may have more drafts.
  private final boolean[] open;

  private double minConfidence;

  /// The entries that get a draft from a pass.
  private static final class Round {
    final int[] entries;
    final int[] rows;
    final int[] outputs;
    int count;
    @Nullable StepInputs inputs;

    Round(int maxSequences) {
      entries = new int[maxSequences];
      rows = new int[maxSequences];
      outputs = new int[maxSequences];
    }

    void add(int entry, int row) {
      entries[count] = entry;
      rows[count++] = row;
    }
  }

  /// Own drafts in a sequence's replay window, behind the tokens that the draft model has computed
  /// for good: not known to be right when they were fed.
  private static final class Window {
    final int[] tokens;
    int size;

    Window(int maxDraftTokens) {
      tokens = new int[maxDraftTokens];
    }
  }

  /// A drafter over a forward pass of the draft model, which wants probabilities.
  ///
  /// @param maxSequences most entries of a plan
  public ModelDrafter(ForwardPass pass, int maxSequences, int maxDraftTokens) {
    this(pass, maxSequences, maxDraftTokens, pass.model().backend().runsAhead());
  }

  /// The same.
  ///
  /// @param ahead whether a pass is submitted before the drafts of the one before are known
  ModelDrafter(ForwardPass pass, int maxSequences, int maxDraftTokens, boolean ahead) {
    this.pass = pass;
    this.ahead = ahead;
    this.maxDraftTokens = maxDraftTokens;
    int vocabSize = pass.model().spec().vocabSize();
    sampler = new Sampler(vocabSize);
    round = new Round(maxSequences);
    before = new Round(maxSequences);
    source = new int[maxSequences];
    open = new boolean[maxSequences];
  }

  @Override
  public int propose(StepPlan plan, Drafts drafts, double least, boolean followsPrompts) {
    int caughtUp = 0;
    boolean waits = !ahead;
    minConfidence = least;
    begin();
    for (int i = 0; i < plan.size(); i++) {
      open[i] = plan.draftTokens(i) > 0;
      if (open[i]) {
        waits |= !isChosenByBackend(plan.sequence(i));
        int fed = feed(plan, i, true, drafts);
        caughtUp += Math.max(0, fed - ROUND_TOKENS);
      } else if (followsPrompts && (plan.tokens(i) > 1 || !plan.choosesToken(i))) {
        feed(plan, i, false, drafts);
      }
    }
    run(plan);
    boolean more = true;
    for (int depth = 1; depth < maxDraftTokens && more; depth++) {
      if (waits) {
        take(round, plan, drafts);
      }
      begin();
      more = extend(plan, depth, drafts);
      run(plan);
      if (!waits) {
        take(before, plan, drafts);
      }
    }
    take(round, plan, drafts);
    for (int i = 0; i < plan.size(); i++) {
      plan.sequence(i).logitsProcessors().rollback(drafts.count(i));
    }
    return caughtUp;
  }

  /// Runs the draft model on nothing in particular, so that its code is compiled; before the first
  /// [#propose].
  public void warmUp(BooleanSupplier enough) {
    WarmUp.run(pass, 0, enough);
  }

  private void begin() {
    Round next = before;
    before = round;
    round = next;
    round.count = 0;
    pass.begin();
  }

  /// Feeds an entry's known tokens, in as many passes as it takes; with `drafting` the last one's
  /// logits give the first draft.
  ///
  /// @return how many
  private int feed(StepPlan plan, int entry, boolean drafting, Drafts drafts) {
    int fed = 0;
    int end = plan.endPosition(entry);
    Sequence sequence = plan.sequence(entry);
    SequenceCache memory = sequence.memory();
    Window window = window(sequence);
    while (memory.draftModelTokens() + window.size < end || window.size > 0) {
      if (pass.room() == 0) {
        next(plan, drafts);
      }
      int fold = matching(sequence, window, end);
      int first = memory.draftModelTokens() + fold;
      int tokens = Math.min(end - first, pass.room());
      fed += tokens;
      int row = pass.add(memory, first, tokens, tokens, fold, 0);
      for (int j = 0; j < tokens; j++) {
        pass.setToken(row + j, sequence.tokenAt(first + j));
      }
      window.size = 0;
      memory.setDraftModelTokens(first + tokens);
      if (first + tokens == end && drafting) {
        round.add(entry, row + tokens - 1);
      }
      if (first + tokens < end) {
        next(plan, drafts);
      }
    }
    return fed;
  }

  /// How many of the drafts in the window turned out right; at least one token up to `end` is left
  /// to feed.
  private static int matching(Sequence sequence, Window window, int end) {
    int computed = sequence.memory().draftModelTokens();
    int fold = 0;
    while (fold < window.size
        && computed + fold < end - 1
        && window.tokens[fold] == sequence.tokenAt(computed + fold)) {
      fold++;
    }
    return fold;
  }

  /// Ends a pass that is full, and begins another one.
  private void next(StepPlan plan, Drafts drafts) {
    run(plan);
    take(round, plan, drafts);
    for (int i = 0; i < round.count; i++) {
      source[round.entries[i]] = -1;
    }
    begin();
  }

  /// Runs what was collected; an entry that waits for a draft has one afterwards.
  private void run(StepPlan plan) {
    if (pass.isEmpty()) {
      return;
    }
    for (int i = 0; i < round.count; i++) {
      Sequence sequence = plan.sequence(round.entries[i]);
      if (isChosenByBackend(sequence)) {
        round.outputs[i] = pass.choose(round.rows[i], sequence.request().sampling());
        source[round.entries[i]] = round.outputs[i];
      }
    }
    for (int i = 0; i < round.count; i++) {
      if (!isChosenByBackend(plan.sequence(round.entries[i]))) {
        round.outputs[i] = pass.requestLogits(round.rows[i]);
        source[round.entries[i]] = -1;
      }
    }
    round.inputs = pass.execute();
  }

  /// Adds the drafts of a pass to those that their entries have.
  private void take(Round from, StepPlan plan, Drafts drafts) {
    if (from.count == 0) {
      return;
    }
    StepInputs inputs = Objects.requireNonNull(from.inputs);
    inputs.await();
    for (int i = 0; i < from.count; i++) {
      int entry = from.entries[i];
      if (!open[entry]) {
        continue;
      }
      int output = from.outputs[i];
      if (isChosenByBackend(plan.sequence(entry))) {
        add(plan, entry, drafts, inputs.chosenIds[output], inputs.probabilities[output]);
      } else {
        draw(plan, entry, output, drafts);
      }
      open[entry] &= drafts.confidence(entry) >= minConfidence;
    }
  }

  /// Adds a draft; -1 for none, and then no other can follow.
  private void add(StepPlan plan, int entry, Drafts drafts, int token, double probability) {
    Sequence sequence = plan.sequence(entry);
    window(sequence).tokens[drafts.count(entry)] = Math.max(0, token);
    if (token < 0) {
      open[entry] = false;
      return;
    }
    sequence.logitsProcessors().accept(token);
    drafts.add(entry, token, probability);
  }

  /// The host draws where logits processors change the logits, and where the target needs to know
  /// the distribution that a draft was drawn from.
  private static boolean isChosenByBackend(Sequence sequence) {
    SamplingParams sampling = sequence.request().sampling();
    return (sampling.isGreedy() || sampling.reproducible())
        && !sequence.logitsProcessors().mayChange();
  }

  private void draw(StepPlan plan, int entry, int output, Drafts drafts) {
    Sequence sequence = plan.sequence(entry);
    SamplingParams sampling = sequence.request().sampling();
    Distribution proposal = drafts.next(entry);
    float[] logits = pass.logits(output);
    sequence.logitsProcessors().apply(logits);
    int token = -1;
    if (sampler.distribution(logits, sampling, proposal)) {
      token = draw(proposal, sampling, plan.endPosition(entry) + drafts.count(entry));
    }
    add(plan, entry, drafts, token, proposal.of(token));
  }

  /// Where the text may depend on the seed alone, the draft meets the number that the target will
  /// draw with, so that they often agree.
  private static int draw(Distribution proposal, SamplingParams sampling, int position) {
    if (sampling.isGreedy()) {
      return proposal.id(0);
    }
    Purpose purpose = sampling.reproducible() ? Purpose.TOKEN : Purpose.DRAFT;
    return proposal.draw(PhiloxRandom.uniform(sampling.seed(), position, purpose));
  }

  /// Feeds the latest draft of every entry that may have more; false when there is none.
  private boolean extend(StepPlan plan, int depth, Drafts drafts) {
    for (int i = 0; i < plan.size(); i++) {
      if (plan.draftTokens(i) <= depth || !open[i]) {
        continue;
      }
      Sequence sequence = plan.sequence(i);
      Window window = window(sequence);
      SequenceCache memory = sequence.memory();
      int position = memory.draftModelTokens() + window.size;
      int row = pass.add(memory, position, 1, 0, 0, window.size);
      pass.setToken(row, source[i] >= 0 ? -1 - source[i] : drafts.id(i, depth - 1));
      window.size++;
      round.add(i, row);
    }
    return round.count > 0;
  }

  private Window window(Sequence sequence) {
    Window window = windows.get(sequence);
    if (window == null) {
      window = new Window(Math.max(1, maxDraftTokens));
      windows.put(sequence, window);
    }
    return window;
  }

  @Override
  public void copy(CacheCopy copy) {
    pass.copy(copy);
  }

  @Override
  public void forget(Sequence sequence) {
    windows.remove(sequence);
  }

  @Override
  public void close() {}
}
