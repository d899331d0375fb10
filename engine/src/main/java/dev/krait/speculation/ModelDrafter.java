package dev.krait.speculation;

import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.SamplingParams;
import dev.krait.runner.Drafts;
import dev.krait.runner.ForwardPass;
import dev.krait.runner.WarmUp;
import dev.krait.sampling.Distribution;
import dev.krait.sampling.LogitsProcessors;
import dev.krait.sampling.PhiloxRandom;
import dev.krait.sampling.PhiloxRandom.Purpose;
import dev.krait.sampling.Sampler;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.IdentityHashMap;
import java.util.function.BooleanSupplier;

/// A small model of the same vocabulary: a Transformer, a Mamba or a hybrid.
///
/// It computes prompt chunks beside the target, from where a kept prefix ends if the prefix has the
/// draft model's share. A round first feeds the tokens that the target has accepted since (they
/// advance the states, after the accepted drafts in the replay window), then its own drafts one by
/// one, which stay in the window: each further draft replays the unverified ones before it. Blocks
/// and slots are the sequence's own, which also knows how far the draft model has come; the tensors
/// are separate.
public final class ModelDrafter implements Drafter {
  /// Known tokens that a round may have to feed: the last draft, accepted but never fed, and the
  /// token after it.
  private static final int ROUND_TOKENS = 2;

  private final ForwardPass pass;
  private final Sampler sampler;
  private final int maxDraftTokens;
  private final IdentityHashMap<Sequence, Window> windows = new IdentityHashMap<>();
  private final int[] awaiting;
  private final int[] awaitedRow;
  private final int[] awaitedOutput;
  private int awaitingCount;

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
    this.pass = pass;
    this.maxDraftTokens = maxDraftTokens;
    int vocabSize = pass.model().spec().vocabSize();
    sampler = new Sampler(vocabSize);
    awaiting = new int[maxSequences];
    awaitedRow = new int[maxSequences];
    awaitedOutput = new int[maxSequences];
  }

  @Override
  public int propose(StepPlan plan, Drafts drafts, double leastConfidence, boolean followsPrompts) {
    int caughtUp = 0;
    begin();
    for (int i = 0; i < plan.size(); i++) {
      if (plan.draftTokens(i) > 0) {
        int fed = feed(plan, i, plan.endPosition(i), true, drafts);
        caughtUp += Math.max(0, fed - ROUND_TOKENS);
      } else if (followsPrompts && (plan.tokens(i) > 1 || !plan.choosesToken(i))) {
        feed(plan, i, plan.endPosition(i), false, drafts);
      }
    }
    finish(plan, drafts);
    boolean more = true;
    for (int depth = 1; depth < maxDraftTokens && more; depth++) {
      more = extend(plan, depth, drafts, leastConfidence);
    }
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
    pass.begin();
    awaitingCount = 0;
  }

  /// Feeds known tokens up to `end`, in as many passes as it takes; with `drafting` the last one's
  /// logits give the first draft.
  ///
  /// @return how many
  private int feed(StepPlan plan, int entry, int end, boolean drafting, Drafts drafts) {
    int fed = 0;
    Sequence sequence = plan.sequence(entry);
    SequenceCache memory = sequence.memory();
    Window window = windows.get(sequence);
    if (window == null) {
      window = new Window(Math.max(1, maxDraftTokens));
      windows.put(sequence, window);
    }
    while (memory.draftModelTokens() + window.size < end || window.size > 0) {
      if (pass.room() == 0) {
        finish(plan, drafts);
        begin();
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
        awaiting[awaitingCount] = entry;
        awaitedRow[awaitingCount++] = row + tokens - 1;
      }
      if (first + tokens < end) {
        finish(plan, drafts);
        begin();
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

  /// Runs what was collected and draws a draft for each entry that waits for one.
  private void finish(StepPlan plan, Drafts drafts) {
    if (pass.isEmpty()) {
      return;
    }
    for (int i = 0; i < awaitingCount; i++) {
      Sequence sequence = plan.sequence(awaiting[i]);
      if (isChosenByBackend(sequence)) {
        awaitedOutput[i] = pass.choose(awaitedRow[i], sequence.request().sampling());
      }
    }
    for (int i = 0; i < awaitingCount; i++) {
      if (!isChosenByBackend(plan.sequence(awaiting[i]))) {
        awaitedOutput[i] = pass.want(awaitedRow[i]);
      }
    }
    pass.execute();
    for (int i = 0; i < awaitingCount; i++) {
      draw(plan, awaiting[i], awaitedOutput[i], drafts);
    }
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
    LogitsProcessors processors = sequence.logitsProcessors();
    int token;
    double probability;
    if (isChosenByBackend(sequence)) {
      token = pass.chosen(output);
      probability = pass.probability(output);
      if (token < 0) {
        return;
      }
    } else {
      Distribution proposal = drafts.next(entry);
      float[] logits = pass.logits(output);
      processors.apply(logits);
      if (!sampler.distribution(logits, sampling, proposal)) {
        return;
      }
      token = draw(proposal, sampling, plan.endPosition(entry) + drafts.count(entry));
      probability = proposal.of(token);
    }
    processors.accept(token);
    drafts.add(entry, token, probability);
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
  private boolean extend(StepPlan plan, int depth, Drafts drafts, double leastConfidence) {
    begin();
    for (int i = 0; i < plan.size(); i++) {
      if (plan.draftTokens(i) <= depth
          || drafts.count(i) < depth
          || drafts.confidence(i) < leastConfidence) {
        continue;
      }
      Sequence sequence = plan.sequence(i);
      Window window = windows.get(sequence);
      if (window == null) {
        throw new IllegalStateException("drafts of sequence " + sequence.id() + ": missing");
      }
      SequenceCache memory = sequence.memory();
      int position = memory.draftModelTokens() + window.size;
      int row = pass.add(memory, position, 1, 0, 0, window.size);
      int draft = drafts.id(i, depth - 1);
      pass.setToken(row, draft);
      window.tokens[window.size++] = draft;
      awaiting[awaitingCount] = i;
      awaitedRow[awaitingCount++] = row;
    }
    boolean any = awaitingCount > 0;
    finish(plan, drafts);
    return any;
  }

  @Override
  public void copySlot(int from, int to) {
    pass.copySlot(from, to);
  }

  @Override
  public void forget(Sequence sequence) {
    windows.remove(sequence);
  }

  @Override
  public void close() {}
}
