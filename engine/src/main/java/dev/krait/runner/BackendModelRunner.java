package dev.krait.runner;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenLogprobs;
import dev.krait.sampling.Distribution;
import dev.krait.sampling.LogitsProcessors;
import dev.krait.sampling.Logprobs;
import dev.krait.sampling.Sampler;
import dev.krait.sampling.Verifier;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepOutput;
import dev.krait.scheduler.StepPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Runs plans on one model: forward pass, then for each entry that reached its last token the
/// choice of the next ones.
///
/// Drafts are ordinary tokens behind the known ones. Their logits tell, position by position,
/// whether they are accepted; the first rejection or the position behind the last draft gives one
/// more token.
public final class BackendModelRunner implements ModelRunner {
  private final ForwardPass pass;
  private final StepOutput output;
  private final Pending pending = new Pending();
  private final LongSupplier nanoClock;
  private final Drafts noDrafts;
  private final Sampler sampler;
  private final Verifier verifier;
  private final Logprobs logprobs;
  private final Distribution target;
  private final int[] firstOutput;

  /// A runner of a model.
  ///
  /// @param maxSequences most entries of a plan
  /// @param maxDraftTokens most drafts of an entry
  /// @param nanoClock of the times in outputs
  public BackendModelRunner(
      ForwardPass pass, int maxSequences, int maxDraftTokens, LongSupplier nanoClock) {
    this.pass = pass;
    int vocabSize = pass.model().spec().vocabSize();
    output = new StepOutput(maxSequences, maxDraftTokens);
    this.nanoClock = nanoClock;
    noDrafts = new Drafts(maxSequences, 0, vocabSize);
    sampler = new Sampler(vocabSize);
    verifier = new Verifier(vocabSize);
    logprobs = new Logprobs(vocabSize);
    target = new Distribution(vocabSize);
    firstOutput = new int[maxSequences];
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    return submit(plan, noDrafts);
  }

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void close() {}

  /// Starts a plan with the given drafts, which must stay unchanged like the plan.
  public PendingStep submit(StepPlan plan, Drafts drafts) {
    for (int i = 0; i < plan.slotCopies(); i++) {
      pass.copySlot(plan.slotCopy(i).from(), plan.slotCopy(i).to());
    }
    pending.begin(plan, drafts);
    pass.begin();
    for (int i = 0; i < plan.size(); i++) {
      add(plan, i, drafts);
    }
    pass.execute();
    return pending;
  }

  /// The step whose layers have been started; its tokens are chosen when it is awaited.
  private final class Pending implements PendingStep {
    private long startNanos;
    private @Nullable StepPlan plan;
    private Drafts drafts = noDrafts;

    void begin(StepPlan submitted, Drafts withDrafts) {
      if (plan != null) {
        throw new EngineException(
            ErrorCode.INTERNAL, "step: submitted before the last one was awaited");
      }
      startNanos = nanoClock.getAsLong();
      plan = submitted;
      drafts = withDrafts;
    }

    @Override
    public StepOutput await() {
      StepPlan submitted = plan;
      if (submitted == null) {
        throw new EngineException(ErrorCode.INTERNAL, "step: awaited twice (expected: once)");
      }
      plan = null;
      output.clear();
      for (int i = 0; i < submitted.size(); i++) {
        if (reportsPrompt(submitted, i)) {
          reportPrompt(submitted, i);
        }
        if (submitted.choosesToken(i)) {
          choose(submitted, i, drafts);
        }
      }
      output.setRunNanos(nanoClock.getAsLong() - startNanos);
      return output;
    }
  }

  private void add(StepPlan plan, int entry, Drafts drafts) {
    Sequence sequence = plan.sequence(entry);
    int known = plan.tokens(entry);
    int drafted = drafts.count(entry);
    int first = plan.firstPosition(entry);
    int direct = plan.draftTokens(entry) > 0 ? 0 : known;
    int fold = sequence.memory().pendingTokens();
    int row = pass.add(sequence.memory(), first, known + drafted, direct, fold, 0);
    for (int j = 0; j < known; j++) {
      pass.setToken(row + j, plan.tokenId(entry, j));
    }
    for (int j = 0; j < drafted; j++) {
      pass.setToken(row + known + j, drafts.id(entry, j));
    }
    int from =
        reportsPrompt(plan, entry) ? 0 : plan.choosesToken(entry) ? known - 1 : known + drafted;
    firstOutput[entry] = -1;
    for (int j = from; j < known + drafted; j++) {
      int number = pass.want(row + j);
      firstOutput[entry] = firstOutput[entry] < 0 ? number : firstOutput[entry];
    }
  }

  private static boolean reportsPrompt(StepPlan plan, int entry) {
    Sequence sequence = plan.sequence(entry);
    return sequence.request().sampling().promptLogprobs() >= 0
        && plan.firstPosition(entry) + 1 < sequence.promptTokens();
  }

  private void reportPrompt(StepPlan plan, int entry) {
    Sequence sequence = plan.sequence(entry);
    int first = plan.firstPosition(entry);
    int alternatives = sequence.request().sampling().promptLogprobs();
    List<TokenLogprobs> values = new ArrayList<>();
    for (int j = 0; j < plan.tokens(entry) && first + j + 1 < sequence.promptTokens(); j++) {
      float[] logits = pass.logits(firstOutput[entry] + j);
      values.add(
          logprobs.of(logits, sequence.request().promptIds().at(first + j + 1), alternatives));
    }
    output.setPromptLogprobs(entry, values);
  }

  private void choose(StepPlan plan, int entry, Drafts drafts) {
    int drafted = drafts.count(entry);
    int lastKnown = reportsPrompt(plan, entry) ? plan.tokens(entry) - 1 : 0;
    output.setDrafted(entry, drafted);
    boolean accepted = true;
    for (int j = 0; accepted && j <= drafted; j++) {
      int token = chooseAt(plan, entry, firstOutput[entry] + lastKnown + j, drafts, j);
      accepted = token >= 0 && j < drafted && token == drafts.id(entry, j);
    }
  }

  /// Chooses the token behind the last known one and `index` accepted drafts.
  ///
  /// @return -1 when there is none
  private int chooseAt(StepPlan plan, int entry, int row, Drafts drafts, int index) {
    Sequence sequence = plan.sequence(entry);
    SamplingParams sampling = sequence.request().sampling();
    LogitsProcessors processors = sequence.logitsProcessors();
    boolean reports = sampling.logprobs() >= 0;
    boolean changes = processors.isActive();
    int token;
    @Nullable TokenLogprobs reported = null;
    if (sampling.isGreedy() && !changes && !reports) {
      token = pass.argMax(row);
    } else {
      float[] logits = pass.logits(row);
      float[] raw = changes && reports ? logits.clone() : logits;
      processors.apply(logits);
      int draft = index < drafts.count(entry) ? index : -1;
      token = next(sampling, logits, plan.endPosition(entry) + index, drafts, entry, draft);
      if (reports && token >= 0) {
        reported = logprobs.of(raw, token, sampling.logprobs());
      }
    }
    if (token >= 0) {
      processors.accept(token);
      output.addToken(entry, token, reported);
    } else if (index == 0) {
      output.fail(entry, nothingToChoose(pass.logits(row)));
    }
    return token;
  }

  private EngineException nothingToChoose(float[] logits) {
    for (float logit : logits) {
      if (Float.isNaN(logit)) {
        return new EngineException(
            ErrorCode.INTERNAL, "logits: NaN (expected: numbers; are the weights damaged?)");
      }
    }
    return new EngineException(
        ErrorCode.INVALID_ARGUMENT,
        "min_tokens, penalties, bias, allowed tokens and bad words: they exclude every token (expected: at least one is left)");
  }

  /// The token at a position: the draft when it is accepted, else one that is not the draft; a
  /// fresh one where there is no draft, or where drafts may not change the text. -1 when no token
  /// can be chosen.
  private int next(
      SamplingParams sampling, float[] logits, int position, Drafts drafts, int entry, int draft) {
    if (sampling.isGreedy()) {
      return sampler.argMax(logits);
    }
    if (!sampler.distribution(logits, sampling, target)) {
      return -1;
    }
    if (draft < 0 || sampling.reproducible()) {
      return Verifier.sample(target, sampling.seed(), position);
    }
    int proposed = drafts.id(entry, draft);
    Distribution proposal = drafts.distribution(entry, draft);
    if (verifier.accepts(proposed, target, proposal, sampling.seed(), position)) {
      return proposed;
    }
    return verifier.recover(target, proposal, sampling.seed(), position);
  }
}
