package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.engine.EngineScript.Action;
import dev.krait.engine.EngineScript.Cancel;
import dev.krait.engine.EngineScript.Setting;
import dev.krait.engine.EngineScript.Submit;
import dev.krait.error.ErrorCode;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.TokenStream;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.testing.FakeClock;
import dev.krait.testing.InMemoryEngine;
import dev.krait.testing.PrefixHash;
import dev.krait.testing.PrefixHashRunner;
import dev.krait.testing.PrefixHashRunner.Mistake;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/// Plays a script on an engine and checks after every step, and at the end, that all is well.
final class ScriptPlayer {
  private final EngineScript script;
  private final Setting setting;
  private final FakeClock clock = new FakeClock();
  private final PrefixHash model;
  private final InMemoryEngine engine;
  private final Map<Integer, Reader> readers = new HashMap<>();
  private final List<PrefixHashRunner> runners = new ArrayList<>();
  private int preemptions;
  private int accepted;
  private int drafted;
  private final int pendingSteps;
  private int cached;
  private int ahead;
  private long pending;

  ScriptPlayer(EngineScript script, Mistake mistake) {
    this(script, mistake, 1);
  }

  /// @param pendingSteps steps that the runner takes before the first is awaited
  ScriptPlayer(EngineScript script, Mistake mistake, int pendingSteps) {
    this.script = script;
    this.pendingSteps = pendingSteps;
    setting = script.setting();
    InMemoryEngine.Builder builder =
        InMemoryEngine.builder()
            .vocabSize(EngineScript.VOCAB_SIZE)
            .layers(setting.attends(), setting.recurs())
            .maxSequences(setting.maxSequences())
            .stepTokens(setting.maxTokensPerStep())
            .draftTokens(setting.draftTokens())
            .pools(setting.blockTokens(), setting.blocks(), setting.slots())
            .prefixCaching(setting.keepsPrefixes())
            .clock(clock)
            .listener(this::count);
    model = builder.model();
    builder.runner(layout -> {
      var runner =
          new PrefixHashRunner(
              layout, model, setting.drafting(), setting.draftSeed(), mistake, pendingSteps);
      runners.add(runner);
      return new PlanChecker(runner);
    });
    engine = builder.build();
  }

  int preemptions() {
    return preemptions;
  }

  int drafted() {
    return drafted;
  }

  int cached() {
    return cached;
  }

  /// Steps that were submitted before the one before was awaited.
  int ahead() {
    return ahead;
  }

  int accepted() {
    return accepted;
  }

  private void count(StepStats stats) {
    preemptions += stats.scheduler().preemptions();
    drafted += stats.scheduler().draftedTokens();
    accepted += stats.scheduler().acceptedTokens();
    cached += stats.scheduler().cachedTokens();
  }

  void play() {
    int next = 0;
    int step = 0;
    int bound = stepBound();
    while (next < script.actions().size() || !engine.loop().isIdle()) {
      while (next < script.actions().size() && script.actions().get(next).step() <= step) {
        act(script.actions().get(next++));
      }
      int open = engine.scheduler().running() + engine.scheduler().waiting();
      long ended = ended();
      int advanced = engine.step();
      engine.pools().checkIntegrity();
      readers.values().forEach(Reader::read);
      boolean gotOn = open == 0 || advanced > 0 || ended() > ended || pendingSteps > 1;
      assertThat(gotOn).as("the step got on").isTrue();
      clock.advance(EngineScript.STEP_NANOS);
      assertThat(++step).as("steps").isLessThan(bound);
    }
    checkEnd();
  }

  private long ended() {
    return readers.values().stream().filter(reader -> !reader.ends.isEmpty()).count();
  }

  /// Enough for every sequence to be computed again, alone, once for each other one.
  private int stepBound() {
    int bound = 10;
    int tokens = 0;
    for (Action action : script.actions()) {
      bound += action.step() + 2;
      if (action instanceof Submit submit) {
        tokens += submit.promptTokens() + 2 * submit.maxTokens();
        bound += tokens * script.actions().size();
      }
    }
    return bound * pendingSteps;
  }

  private void act(Action action) {
    switch (action) {
      case Submit submit -> {
        Reader followed = readers.get(submit.follows());
        int[] before = followed == null ? new int[0] : followed.tokens();
        TokenStream stream = engine.handle().submit(submit.request(clock.getAsLong(), before));
        readers.put(submit.name(), new Reader(submit, stream));
      }
      case Cancel cancel -> {
        Reader reader = readers.get(cancel.name());
        if (reader != null) {
          reader.cancelled = true;
          engine.handle().cancel(reader.stream);
        }
      }
    }
  }

  private void checkEnd() {
    readers.values().forEach(Reader::checkEnd);
    assertThat(engine.pools().blocksUsed()).as("blocks in use").isZero();
    assertThat(engine.pools().slotsUsed()).as("slots in use").isZero();
    assertThat(runners.getFirst().known()).as("sequences known to the runner").isZero();
    EngineStatus status = engine.handle().status();
    assertThat(status.running()).as("running").isZero();
    assertThat(status.waiting()).as("waiting").isZero();
    assertThat(status.failed()).as("failed").isFalse();
  }

  /// The reader of one request's stream.
  private final class Reader {
    private final Submit submit;
    private final TokenStream stream;
    private final List<Integer> text;
    private final List<Integer> got = new ArrayList<>();
    private final List<GenerationEvent.End> ends = new ArrayList<>();
    private boolean cancelled;
    private boolean sawStop;

    private Reader(Submit submit, TokenStream stream) {
      this.submit = submit;
      this.stream = stream;
      text = model.text(stream.request());
    }

    /// Its prompt and what it got so far.
    private int[] tokens() {
      int[] prompt = stream.request().promptIds().toArray();
      return IntStream.concat(IntStream.of(prompt), got.stream().mapToInt(Integer::intValue))
          .toArray();
    }

    private void read() {
      Optional<GenerationEvent> event = stream.poll();
      while (ends.isEmpty() && event.isPresent()) {
        switch (event.get()) {
          case GenerationEvent.Tokens tokens -> {
            assertThat(sawStop).as("tokens after the stop token").isFalse();
            for (int id : tokens.ids().toArray()) {
              got.add(id);
            }
            sawStop = tokens.endsWithStopToken();
          }
          case GenerationEvent.PromptLogprobs values ->
              throw new AssertionError("nobody asked for " + values);
          case GenerationEvent.End end -> ends.add(end);
        }
        event = stream.poll();
      }
      assertThat(text.subList(0, Math.min(got.size(), text.size())))
          .as("text so far of %s", submit)
          .isEqualTo(got);
    }

    private void checkEnd() {
      assertThat(ends).as("ends of %s", submit).hasSize(1);
      switch (ends.getFirst()) {
        case GenerationEvent.Finished finished -> checkFinished(finished);
        case GenerationEvent.Failed failed -> {
          assertThat(failed.code()).as("%s", failed).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
          int most = stream.request().promptIds().size() + submit.maxTokens();
          assertThat(engine.pools().blocksFor(most))
              .as("blocks of %s", submit)
              .isGreaterThan(engine.pools().blocksTotal());
        }
      }
    }

    private void checkFinished(GenerationEvent.Finished finished) {
      switch (finished.reason()) {
        case STOP -> {
          assertThat(got).isEqualTo(text);
          assertThat(finished.stopTokenId()).hasValue(text.getLast());
          assertThat(stream.request().stop().stopTokenIds().contains(text.getLast())).isTrue();
        }
        case LENGTH -> {
          assertThat(got).isEqualTo(text);
          assertThat(got).hasSize(submit.maxTokens());
        }
        case CANCELLED -> assertThat(cancelled).as("cancelled %s", submit).isTrue();
        case DEADLINE ->
            assertThat(submit.deadlineSteps()).as("%s", submit).isNotEqualTo(Submit.NO_DEADLINE);
      }
      assertThat(finished.reason() == FinishReason.STOP).as("stop flag").isEqualTo(sawStop);
    }
  }

  /// Checks every plan before it runs.
  private final class PlanChecker implements ModelRunner {
    private final ModelRunner delegate;

    private PlanChecker(ModelRunner delegate) {
      this.delegate = delegate;
    }

    @Override
    public PendingStep submit(StepPlan plan) {
      int total = 0;
      boolean prompts = false;
      for (int i = 0; i < plan.size(); i++) {
        Sequence sequence = plan.sequence(i);
        int first = plan.firstPosition(i);
        int end = first + plan.tokens(i);
        boolean prompt = first < sequence.promptTokens();
        check(prompt || !prompts, "generated tokens come before prompts");
        prompts |= prompt;
        check(!prompt || end <= sequence.promptTokens(), "an entry is of one kind");
        check(
            plan.draftTokens(i) == 0 || (plan.tokens(i) == 1 && plan.choosesToken(i) && !prompt),
            "drafts follow the last known token");
        check(plan.tokens(i) >= 1, "an entry has tokens");
        total += plan.tokens(i) + plan.draftTokens(i);
      }
      check(total == plan.totalTokens(), "the total is right");
      check(total <= setting.maxTokensPerStep(), "a step is bounded");
      ahead += pending++ > 0 ? 1 : 0;
      PendingStep step = delegate.submit(plan);
      String entries = describe(plan);
      return () -> {
        pending--;
        check(entries.equals(describe(plan)), "a plan stays as it is until its step is awaited");
        return step.await();
      };
    }

    private static String describe(StepPlan plan) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < plan.size(); i++) {
        text.append(plan.sequence(i).id()).append(' ').append(plan.firstPosition(i));
        text.append(' ').append(plan.draftTokens(i)).append(' ').append(plan.choosesToken(i));
        text.append(' ').append(plan.sourceEntry(i));
        for (int j = 0; j < plan.tokens(i) && plan.sourceEntry(i) < 0; j++) {
          text.append(' ').append(plan.tokenId(i, j));
        }
        text.append('\n');
      }
      return text.toString();
    }

    @Override
    public int maxPendingSteps() {
      return delegate.maxPendingSteps();
    }

    private static void check(boolean holds, String rule) {
      if (!holds) {
        throw new IllegalStateException("broken: " + rule);
      }
    }

    @Override
    public void copy(CacheCopy copy) {
      delegate.copy(copy);
    }

    @Override
    public void forget(Sequence sequence) {
      delegate.forget(sequence);
    }

    @Override
    public void close() {
      delegate.close();
    }
  }
}
