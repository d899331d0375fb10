package dev.krait.engine;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.testing.PrefixHashRunner.Drafting;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// A random use of the engine: its sizes, and who does what before which step.
///
/// @param setting the engine's sizes
/// @param actions in order of their steps
record EngineScript(Setting setting, List<Action> actions) {

  static final int VOCAB_SIZE = 24;
  static final long STEP_NANOS = 1000;
  private static final int COMMON_TEXTS = 2;

  /// Sizes of an engine.
  record Setting(
      boolean attends,
      boolean recurs,
      int blockTokens,
      int blocks,
      int slots,
      int maxSequences,
      int maxTokensPerStep,
      int draftTokens,
      Drafting drafting,
      long draftSeed,
      boolean keepsPrefixes) {}

  /// Something that happens before a step.
  sealed interface Action {
    int step();
  }

  /// A request comes.
  ///
  /// @param sharedTokens how many tokens of its prompt are those of one of a few common texts
  /// @param follows the request whose prompt and reply so far come before its own; itself for none
  record Submit(
      int step,
      int name,
      int promptTokens,
      int sharedTokens,
      int maxTokens,
      int minTokens,
      int stopIds,
      int priority,
      int deadlineSteps,
      int follows)
      implements Action {

    static final int NO_DEADLINE = 0;

    /// @param before the tokens of what it follows
    GenerationRequest request(long nowNanos, int[] before) {
      Random random = new Random(name);
      int[] prompt = random.ints(promptTokens, 0, VOCAB_SIZE).toArray();
      Random common = new Random(-1 - name % COMMON_TEXTS);
      for (int i = 0; i < sharedTokens; i++) {
        prompt[i] = common.nextInt(VOCAB_SIZE);
      }
      int[] stops = random.ints(stopIds, 0, VOCAB_SIZE).toArray();
      long deadline =
          deadlineSteps == NO_DEADLINE ? Long.MAX_VALUE : nowNanos + deadlineSteps * STEP_NANOS;
      return GenerationRequest.of(
          "r" + name,
          TokenIds.of(IntStream.concat(IntStream.of(before), IntStream.of(prompt)).toArray()),
          SamplingParams.greedy(),
          new StopConditions(maxTokens, minTokens, TokenIds.of(stops)),
          set -> {
            set.priority = priority;
            set.deadlineNanos = deadline;
          });
    }
  }

  /// A request's caller hangs up.
  record Cancel(int step, int name) implements Action {}

  static EngineScript random(long seed) {
    Random random = new Random(seed);
    Setting setting = randomSetting(random);
    List<Action> actions = new ArrayList<>();
    int step = 0;
    int submits = 1 + random.nextInt(10);
    for (int name = 0; name < submits; name++) {
      step += random.nextInt(random.nextInt(4) == 0 ? 16 : 4);
      actions.add(randomSubmit(random, step, name));
      if (random.nextInt(4) == 0) {
        actions.add(new Cancel(step + random.nextInt(12), random.nextInt(name + 1)));
      }
    }
    actions.sort(Comparator.comparingInt(Action::step));
    return new EngineScript(setting, List.copyOf(actions));
  }

  private static Setting randomSetting(Random random) {
    int layers = random.nextInt(4);
    return new Setting(
        layers != 0,
        layers != 1,
        1 + random.nextInt(5),
        12 + random.nextInt(30),
        1 + random.nextInt(6),
        1 + random.nextInt(6),
        1 + random.nextInt(24),
        random.nextInt(5),
        List.of(Drafting.values()).get(random.nextInt(3)),
        random.nextLong(),
        random.nextInt(4) > 0);
  }

  private static Submit randomSubmit(Random random, int step, int name) {
    int maxTokens = random.nextInt(25);
    int promptTokens = 1 + random.nextInt(30);
    return new Submit(
        step,
        name,
        promptTokens,
        random.nextInt(3) == 0 ? 0 : promptTokens - random.nextInt(promptTokens) / 2,
        maxTokens,
        random.nextInt(3) == 0 ? random.nextInt(maxTokens + 1) : 0,
        random.nextInt(3),
        random.nextInt(4) == 0 ? random.nextInt(3) - 1 : 0,
        random.nextInt(8) == 0 ? 1 + random.nextInt(30) : Submit.NO_DEADLINE,
        random.nextBoolean() ? random.nextInt(name + 1) : name);
  }

  EngineScript without(int index) {
    List<Action> fewer = new ArrayList<>(actions);
    fewer.remove(index);
    return new EngineScript(setting, List.copyOf(fewer));
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder().append(setting);
    actions.forEach(action -> text.append("\n  ").append(action));
    return text.toString();
  }
}
