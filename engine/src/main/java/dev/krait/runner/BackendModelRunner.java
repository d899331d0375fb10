package dev.krait.runner;

import dev.krait.backend.StepInputs;
import dev.krait.cache.pool.CacheCopy;
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
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Runs plans on one model: forward pass, then for each entry that reached its last token the
/// choice of the next ones.
///
/// Drafts are ordinary tokens behind the known ones. The tokens behind them tell, position by
/// position, whether they are accepted; the first rejection or the position behind the last draft
/// gives one more token.
///
/// The backend chooses tokens in the step itself, and only their ids come back. The host chooses
/// from rows of logits where a sequence has logits processors or reports log-probabilities, and
/// where drafts that were drawn are accepted by their probabilities.
public final class BackendModelRunner implements ModelRunner {
  private final ForwardPass pass;
  private final StepOutput output;
  private final Pending[] steps;
  private final LongSupplier nanoClock;
  private final Drafts noDrafts;
  private final Sampler sampler;
  private final Verifier verifier;
  private final Logprobs logprobs;
  private final Distribution target;
  private int submitted;
  private long lastDoneNanos = Long.MIN_VALUE;

  /// A runner of a model that is given one step at a time.
  ///
  /// @param maxSequences most entries of a plan
  /// @param maxDraftTokens most drafts of an entry
  /// @param nanoClock of the times in outputs
  public BackendModelRunner(
      ForwardPass pass, int maxSequences, int maxDraftTokens, LongSupplier nanoClock) {
    this(pass, maxSequences, maxDraftTokens, 1, nanoClock);
  }

  /// A runner of a model.
  ///
  /// @param pendingSteps how many steps it takes before the first is awaited, 1 or 2
  public BackendModelRunner(
      ForwardPass pass,
      int maxSequences,
      int maxDraftTokens,
      int pendingSteps,
      LongSupplier nanoClock) {
    this.pass = pass;
    int vocabSize = pass.model().spec().vocabSize();
    output = new StepOutput(maxSequences, maxDraftTokens);
    this.nanoClock = nanoClock;
    noDrafts = new Drafts(maxSequences, 0, vocabSize);
    sampler = new Sampler(vocabSize);
    verifier = new Verifier(vocabSize);
    logprobs = new Logprobs(vocabSize);
    target = new Distribution(vocabSize);
    steps = new Pending[pendingSteps];
    Arrays.setAll(steps, i -> new Pending(maxSequences));
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    return submit(plan, noDrafts);
  }

  @Override
  public int maxPendingSteps() {
    return steps.length;
  }

  /// No drafts, for any plan.
  public Drafts noDrafts() {
    return noDrafts;
  }

  @Override
  public void copy(CacheCopy copy) {
    pass.copy(copy);
  }

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void close() {}

  /// Starts a plan with the given drafts, which must stay unchanged like the plan.
  public PendingStep submit(StepPlan plan, Drafts drafts) {
    Pending before = steps[submitted % steps.length];
    Pending step = steps[++submitted % steps.length];
    step.begin(plan, drafts);
    for (int i = 0; i < plan.cacheCopies(); i++) {
      copy(plan.cacheCopy(i));
    }
    pass.begin();
    for (int i = 0; i < plan.size(); i++) {
      addRows(step, i, before);
    }
    for (int i = 0; i < plan.size(); i++) {
      addOutputs(step, i);
    }
    step.inputs = pass.execute();
    return step;
  }

  /// The step whose computation has been started.
  private final class Pending implements PendingStep {
    /// For each entry, its first row.
    private final int[] firstRow;

    /// The output of an entry's first new token, and of the first logits that its prompt reports.
    private final int[] firstChoice;

    private final int[] firstReported;

    /// Whether the backend chooses an entry's tokens.
    private final boolean[] chosen;

    private long startNanos;
    private @Nullable StepPlan plan;
    private @Nullable StepInputs inputs;
    private Drafts drafts = noDrafts;

    Pending(int maxSequences) {
      firstRow = new int[maxSequences];
      firstChoice = new int[maxSequences];
      firstReported = new int[maxSequences];
      chosen = new boolean[maxSequences];
    }

    void begin(StepPlan submittedPlan, Drafts withDrafts) {
      if (plan != null) {
        throw new EngineException(
            ErrorCode.INTERNAL,
            "steps: %d submitted before the first was awaited (expected: at most %d)"
                .formatted(steps.length + 1, steps.length));
      }
      startNanos = nanoClock.getAsLong();
      plan = submittedPlan;
      drafts = withDrafts;
    }

    StepPlan plan() {
      StepPlan own = plan;
      if (own == null) {
        throw new EngineException(ErrorCode.INTERNAL, "step: awaited twice (expected: once)");
      }
      return own;
    }

    @Override
    public StepOutput await() {
      StepPlan own = plan();
      Objects.requireNonNull(inputs).await();
      output.clear();
      for (int i = 0; i < own.size(); i++) {
        if (reportsPrompt(own, i)) {
          reportPrompt(this, i);
        }
        if (own.choosesToken(i)) {
          takeTokens(this, i);
        }
      }
      plan = null;
      long done = nanoClock.getAsLong();
      output.setRunNanos(done - Math.max(startNanos, lastDoneNanos));
      lastDoneNanos = done;
      return output;
    }
  }

  /// Adds an entry's rows, and asks for the tokens behind them where the backend chooses them.
  private void addRows(Pending step, int entry, Pending before) {
    StepPlan plan = step.plan();
    Sequence sequence = plan.sequence(entry);
    int known = plan.tokens(entry);
    int drafted = step.drafts.count(entry);
    int first = plan.firstPosition(entry);
    int direct = plan.draftTokens(entry) > 0 ? 0 : known;
    int source = plan.sourceEntry(entry);
    int fold = source < 0 ? sequence.memory().pendingTokens() : 0;
    int row = pass.add(sequence.memory(), first, known + drafted, direct, fold, 0);
    if (source >= 0) {
      pass.setToken(row, -1 - before.firstChoice[source]);
    }
    for (int j = 0; j < known && source < 0; j++) {
      pass.setToken(row + j, plan.tokenId(entry, j));
    }
    for (int j = 0; j < drafted; j++) {
      pass.setToken(row + known + j, step.drafts.id(entry, j));
    }
    step.firstRow[entry] = row;
    step.chosen[entry] = plan.choosesToken(entry) && isChosenByBackend(sequence, drafted);
    for (int j = known - 1; j < known + drafted && step.chosen[entry]; j++) {
      int number = pass.choose(row + j, sequence.request().sampling());
      step.firstChoice[entry] = j == known - 1 ? number : step.firstChoice[entry];
    }
  }

  private static boolean isChosenByBackend(Sequence sequence, int drafted) {
    SamplingParams sampling = sequence.request().sampling();
    boolean byProbability = drafted > 0 && !sampling.isGreedy() && !sampling.reproducible();
    return !byProbability && !sequence.readsLogits();
  }

  /// Asks for the logits that the host reads.
  private void addOutputs(Pending step, int entry) {
    StepPlan plan = step.plan();
    int row = step.firstRow[entry];
    int known = plan.tokens(entry);
    if (plan.choosesToken(entry) && !step.chosen[entry]) {
      step.firstChoice[entry] = wantAll(row + known - 1, 1 + step.drafts.count(entry));
    }
    if (reportsPrompt(plan, entry)) {
      step.firstReported[entry] = wantAll(row, reportedRows(plan, entry));
    }
  }

  private int wantAll(int row, int count) {
    int first = pass.requestLogits(row);
    for (int j = 1; j < count; j++) {
      pass.requestLogits(row + j);
    }
    return first;
  }

  /// How many of an entry's rows tell about a token of the prompt.
  private static int reportedRows(StepPlan plan, int entry) {
    int left = plan.sequence(entry).promptTokens() - 1 - plan.firstPosition(entry);
    return Math.min(plan.tokens(entry), left);
  }

  private static boolean reportsPrompt(StepPlan plan, int entry) {
    Sequence sequence = plan.sequence(entry);
    return sequence.request().sampling().promptLogprobs() >= 0
        && plan.firstPosition(entry) + 1 < sequence.promptTokens();
  }

  private void reportPrompt(Pending step, int entry) {
    StepPlan plan = step.plan();
    Sequence sequence = plan.sequence(entry);
    int first = plan.firstPosition(entry);
    int alternatives = sequence.request().sampling().promptLogprobs();
    List<TokenLogprobs> values = new ArrayList<>();
    for (int j = 0; j < reportedRows(plan, entry); j++) {
      float[] logits = pass.logits(step.firstReported[entry] + j);
      values.add(
          logprobs.of(logits, sequence.request().promptIds().at(first + j + 1), alternatives));
    }
    output.setPromptLogprobs(entry, values);
  }

  /// Gives an entry its new tokens: up to the first that is not its draft.
  private void takeTokens(Pending step, int entry) {
    Drafts drafts = step.drafts;
    int drafted = drafts.count(entry);
    output.setDrafted(entry, drafted);
    boolean accepted = true;
    for (int j = 0; accepted && j <= drafted; j++) {
      int token = step.chosen[entry] ? takeChosen(step, entry, j) : chooseOnHost(step, entry, j);
      accepted = token >= 0 && j < drafted && token == drafts.id(entry, j);
    }
  }

  /// Takes the token behind the last known one and `index` accepted drafts from the step.
  ///
  /// @return -1 when there is none
  private int takeChosen(Pending step, int entry, int index) {
    int token = Objects.requireNonNull(step.inputs).chosenIds[step.firstChoice[entry] + index];
    if (token >= 0) {
      step.plan().sequence(entry).logitsProcessors().accept(token);
      output.addToken(entry, token, null);
    } else if (index == 0) {
      output.fail(entry, notFinite());
    }
    return token;
  }

  /// Chooses that token from its row of logits.
  ///
  /// @return -1 when there is none
  private int chooseOnHost(Pending step, int entry, int index) {
    StepPlan plan = step.plan();
    Drafts drafts = step.drafts;
    Sequence sequence = plan.sequence(entry);
    SamplingParams sampling = sequence.request().sampling();
    LogitsProcessors processors = sequence.logitsProcessors();
    int row = step.firstChoice[entry] + index;
    boolean reports = sampling.logprobs() >= 0;
    float[] logits = pass.logits(row);
    float[] raw = processors.isActive() && reports ? logits.clone() : logits;
    processors.apply(logits);
    int draft = index < drafts.count(entry) ? index : -1;
    int token = next(sampling, logits, plan.endPosition(entry) + index, drafts, entry, draft);
    if (token >= 0) {
      @Nullable TokenLogprobs reported =
          reports ? logprobs.of(raw, token, sampling.logprobs()) : null;
      processors.accept(token);
      output.addToken(entry, token, reported);
    } else if (index == 0) {
      output.fail(entry, nothingToChoose(pass.logits(row)));
    }
    return token;
  }

  private static EngineException notFinite() {
    return new EngineException(
        ErrorCode.INTERNAL,
        "logits: NaN or infinite (expected: finite numbers; are the weights damaged?)");
  }

  private EngineException nothingToChoose(float[] logits) {
    for (float logit : logits) {
      if (Float.isNaN(logit)) {
        return notFinite();
      }
    }
    return new EngineException(
        ErrorCode.INVALID_ARGUMENT,
        "min_tokens, penalties, bias, allowed tokens, bad words and a constraint on the text: they exclude every token (expected: at least one is left)");
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
