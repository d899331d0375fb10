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
  private final PendingStep done;
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
  public BackendModelRunner(ForwardPass pass, int maxSequences, int maxDraftTokens) {
    this.pass = pass;
    int vocabSize = pass.model().spec().vocabSize();
    output = new StepOutput(maxSequences, maxDraftTokens);
    done = () -> output;
    noDrafts = new Drafts(maxSequences, 0, vocabSize);
    sampler = new Sampler(vocabSize);
    verifier = new Verifier(vocabSize);
    logprobs = new Logprobs(vocabSize);
    target = new Distribution(vocabSize);
    firstOutput = new int[maxSequences];
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    return execute(plan, noDrafts);
  }

  @Override
  public void copySlot(int from, int to) {
    pass.copySlot(from, to);
  }

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void close() {}

  /// Runs a plan with the given drafts.
  ///
  /// @return what [#submit] would give, in the same object every time
  public PendingStep execute(StepPlan plan, Drafts drafts) {
    output.clear();
    pass.begin();
    for (int i = 0; i < plan.size(); i++) {
      add(plan, i, drafts);
    }
    pass.execute();
    for (int i = 0; i < plan.size(); i++) {
      if (reportsPrompt(plan, i)) {
        reportPrompt(plan, i);
      }
      if (plan.choosesToken(i)) {
        choose(plan, i, drafts);
      }
    }
    return done;
  }

  private void add(StepPlan plan, int entry, Drafts drafts) {
    Sequence sequence = plan.sequence(entry);
    int known = plan.tokens(entry);
    int drafted = drafts.count(entry);
    int first = sequence.computedTokens();
    int direct = plan.draftTokens(entry) > 0 ? 0 : known;
    int fold = sequence.memory().pendingTokens();
    int row = pass.add(sequence.memory(), first, known + drafted, direct, fold, 0);
    for (int j = 0; j < known; j++) {
      pass.setToken(row + j, sequence.tokenAt(first + j));
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
        && sequence.computedTokens() + 1 < sequence.promptTokens();
  }

  private void reportPrompt(StepPlan plan, int entry) {
    Sequence sequence = plan.sequence(entry);
    int first = sequence.computedTokens();
    int alternatives = sequence.request().sampling().promptLogprobs();
    List<TokenLogprobs> values = new ArrayList<>();
    for (int j = 0; j < plan.tokens(entry) && first + j + 1 < sequence.promptTokens(); j++) {
      float[] logits = pass.logits(firstOutput[entry] + j);
      values.add(logprobs.of(logits, sequence.tokenAt(first + j + 1), alternatives));
    }
    output.setPromptLogprobs(entry, values);
  }

  private void choose(StepPlan plan, int entry, Drafts drafts) {
    int drafted = drafts.count(entry);
    int lastKnown = reportsPrompt(plan, entry) ? plan.tokens(entry) - 1 : 0;
    output.setDrafted(entry, drafted);
    boolean accepted = true;
    for (int j = 0; accepted && j <= drafted; j++) {
      int token =
          chooseAt(plan.sequence(entry), entry, firstOutput[entry] + lastKnown + j, drafts, j);
      accepted = token >= 0 && j < drafted && token == drafts.id(entry, j);
    }
  }

  /// Chooses the token behind the last known one and `index` accepted drafts.
  ///
  /// @return -1 when there is none
  private int chooseAt(Sequence sequence, int entry, int row, Drafts drafts, int index) {
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
      token = next(sampling, logits, sequence.tokens() + index, drafts, entry, draft);
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
        "min_tokens, penalties and bias: they exclude every token (expected: at least one is left)");
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
