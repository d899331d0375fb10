package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.GenerationStats;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.speculation.SpeculationRig.Answer;
import dev.krait.speculation.SpeculationRig.Sizes;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A sequence that starts behind a kept prefix gives the same tokens and the same logits, bit for
/// bit, as one that computes all of its prompt; and its drafts are the same.
@Tag("slow")
class PrefixEqualityTest {
  private static final int CONTEXT = 256;
  private static final int BLOCK = 16;
  private static final int TURNS = 10;

  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = TestBackends.open();
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  private static Sizes cold(int draftTokens) {
    return new Sizes(draftTokens, 16, CONTEXT, 256, 1);
  }

  private static Sizes warm(int draftTokens) {
    return new Sizes(draftTokens, 16, CONTEXT, 256, 1, 16);
  }

  private static SpeculationRig rig(String target, String draft, Sizes sizes) {
    Path folder = GoldenModel.folder(target);
    return draft.isEmpty()
        ? SpeculationRig.of(folder, backend, sizes, vocab -> new NgramDrafter(1, 3))
        : SpeculationRig.withModel(folder, GoldenModel.folder(draft), backend, sizes);
  }

  private static GenerationRequest request(int[] prompt, int maxTokens) {
    SamplingParams greedy = SamplingParams.of(set -> set.logprobs = 3);
    return GenerationRequest.of(
        "r", TokenIds.of(prompt), greedy, new StopConditions(maxTokens, 0, TokenIds.empty()));
  }

  private static int[] joined(int[] first, List<Integer> second) {
    int[] all = Arrays.copyOf(first, first.length + second.size());
    for (int i = 0; i < second.size(); i++) {
      all[first.length + i] = second.get(i);
    }
    return all;
  }

  private static Answer alone(SpeculationRig rig, GenerationRequest request) {
    return rig.run(List.of(request)).getFirst();
  }

  private static GenerationStats stats(Answer answer) {
    return ((GenerationEvent.Finished) answer.end()).stats();
  }

  private static void assertSame(Answer actual, Answer expected, String what) {
    assertThat(actual.ids()).as(what + ", ids").isEqualTo(expected.ids());
    assertThat(actual.logprobs()).as(what + ", logprobs").isEqualTo(expected.logprobs());
  }

  /// Ten turns of a conversation, then the first one again, then two that leave it in its middle. A
  /// turn computes its own message and at most a block more.
  @ParameterizedTest(name = "{0} with {1}")
  @CsvSource({
    "llama-gqa-rope3, ''",
    "llama-gqa-rope3, llama-gqa-rope3",
    "llama-gqa-rope3, mamba1-hf",
    "mistral-window, ''",
    "mil1-50-split, mil2-25",
    "mil1-50-split, llama-gqa-rope3",
    "mil2-25, mil1-50-split",
    "mil2-50-n128, ''",
    "mil2-0, mamba2-hf-g1",
    "mamba1-hf, mil1-50-split",
    "mamba2-hf-g2, mamba1-hf",
    "lfm2, ''",
    "nemotron3-moe, falcon-mamba",
    "qwen3.5-moe, lfm2",
    "kimi-linear, qwen3.5",
    "bamba, ''",
    "falcon-h1, granite-hybrid-dense",
    "granite-hybrid-moe, bamba",
    "jamba, ''",
    "lfm2-moe, mamba1-hf",
    "nemotron-h, ''",
    "nemotron3-latent, ''",
    "olmo-hybrid, olmo-hybrid",
    "qwen3-next, ''",
    "zamba2, mamba2-hf-g1"
  })
  void aConversation(String target, String draft) {
    int[] text = GoldenModel.open(target).promptIds("len130");
    for (int k : new int[] {0, 4}) {
      try (SpeculationRig cold = rig(target, draft, cold(k));
          SpeculationRig warm = rig(target, draft, warm(k))) {
        int[] prompt = Arrays.copyOf(text, 61);
        int kept = 0; // of what the next turn starts with
        for (int turn = 0; turn < TURNS; turn++) {
          GenerationRequest request = request(prompt, 9);
          Answer expected = alone(cold, request);
          Answer answer = alone(warm, request);
          String what = "K " + k + ", turn " + turn;
          assertSame(answer, expected, what);
          assertThat(stats(answer).cachedTokens())
              .as(what)
              .isBetween(turn == 0 ? 0 : kept - BLOCK, kept);
          assertThat(stats(answer).draftedTokens())
              .as(what + ", drafted")
              .isEqualTo(stats(expected).draftedTokens());
          assertThat(stats(answer).acceptedTokens())
              .as(what + ", accepted")
              .isEqualTo(stats(expected).acceptedTokens());
          kept = prompt.length + expected.ids().size();
          prompt = joined(joined(prompt, expected.ids()), List.of(3 + turn, 5, 7));
        }
        GenerationRequest again = request(Arrays.copyOf(text, 61), 9);
        Answer repeated = alone(warm, again);
        assertSame(repeated, alone(cold, again), "again");
        assertThat(stats(repeated).cachedTokens()).isEqualTo(48);
        assertForks(cold, warm, text);
      }
    }
  }

  /// What two prompts share is computed twice; a third one finds it.
  private static void assertForks(SpeculationRig cold, SpeculationRig warm, int[] text) {
    int[] found = new int[3];
    for (int i = 0; i < 3; i++) {
      int[] prompt = Arrays.copyOfRange(text, 7, 100);
      prompt[70] = 40 + i;
      GenerationRequest request = request(prompt, 9);
      Answer answer = alone(warm, request);
      assertSame(answer, alone(cold, request), "fork " + i);
      found[i] = stats(answer).cachedTokens();
    }
    assertThat(found[0]).isZero();
    assertThat(found[1]).isIn(0, 64); // states need the second one's snapshot, attention does not
    assertThat(found[2]).isEqualTo(64);
  }

  /// Many at a time, alike and not, with room for all or for few: whoever finds what.
  @ParameterizedTest
  @ValueSource(
      strings = {"llama-gqa-rope3", "mil1-50-split", "mil2-25", "mamba1-hf", "mamba2-hf-g2"})
  void manyAtOnceWithMuchRoomAndLittle(String target) {
    int[] text = GoldenModel.open(target).promptIds("len130");
    Random random = new Random(target.hashCode());
    List<GenerationRequest> requests = new ArrayList<>();
    for (int i = 0; i < 48; i++) {
      int start = 20 * random.nextInt(3);
      int[] prompt = Arrays.copyOfRange(text, start, start + 20 + random.nextInt(90));
      prompt[prompt.length - 1 - random.nextInt(10)] = random.nextInt(300);
      requests.add(request(prompt, 1 + random.nextInt(24)));
    }
    List<Answer> expected;
    try (SpeculationRig cold = rig(target, "", cold(0))) {
      expected = cold.run(requests);
    }
    Sizes tight = new Sizes(3, 12, CONTEXT, 48, 0.15, 2);
    int found = 0;
    for (Sizes sizes : List.of(warm(0), warm(5), tight)) {
      try (SpeculationRig rig = rig(target, "mil1-50-split", sizes)) {
        for (int round = 0; round < 2; round++) {
          List<Answer> answers = rig.run(requests);
          for (int i = 0; i < answers.size(); i++) {
            assertSame(answers.get(i), expected.get(i), sizes + ", request " + i);
            found += stats(answers.get(i)).cachedTokens();
          }
        }
      }
    }
    assertThat(found).as("tokens found").isGreaterThan(1000);
  }

  /// Sampled with a seed each, as `n` asks for: every text is that of a server without a cache.
  @ParameterizedTest
  @ValueSource(
      strings = {"llama-gqa-rope3", "mil1-50-split", "mil2-25", "mamba1-hf", "mamba2-hf-g2"})
  void equalPromptsAtOnceAreComputedOnce(String target) {
    int[] prompt = Arrays.copyOf(GoldenModel.open(target).promptIds("len130"), 110);
    List<GenerationRequest> requests = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int seed = i;
      SamplingParams sampled =
          SamplingParams.of(set -> {
            set.temperature = 0.8f;
            set.seed = seed;
            set.logprobs = 3;
          });
      StopConditions stop = new StopConditions(20, 0, TokenIds.empty());
      requests.add(GenerationRequest.of("r", TokenIds.of(prompt), sampled, stop));
    }
    Sizes tight = new Sizes(3, 8, CONTEXT, 48, 0.2, 1);
    for (Sizes sizes : List.of(new Sizes(0, 8, CONTEXT, 48, 1, 8), warm(4), tight)) {
      try (SpeculationRig cold = rig(target, "mil1-50-split", cold(sizes.draftTokens()));
          SpeculationRig rig = rig(target, "mil1-50-split", sizes)) {
        List<Answer> expected = cold.run(requests);
        List<Answer> answers = rig.run(requests);
        int computed = 0;
        for (int i = 0; i < answers.size(); i++) {
          assertSame(answers.get(i), expected.get(i), sizes + ", request " + i);
          computed += prompt.length - stats(answers.get(i)).cachedTokens();
        }
        if (!sizes.equals(tight)) {
          assertThat(computed).as("%s", sizes).isEqualTo(110 + 7 * (110 - 96));
        }
      }
    }
  }

  /// Drafts from the model itself, which follows prompts when it is told to; counts the tokens that
  /// it has missed.
  private static final class FollowingLength implements DraftLengthPolicy {
    private final DraftLengthPolicy fixed;
    private boolean follows = true;
    private int caughtUp;

    FollowingLength(int draftTokens) {
      fixed = new FixedDraftLength("test", draftTokens);
    }

    @Override
    public int draftTokens(Sequence sequence, int runningSequences) {
      return fixed.draftTokens(sequence, runningSequences);
    }

    @Override
    public void observe(Sequence sequence, int allowed, int drafted, int accepted) {
      fixed.observe(sequence, allowed, drafted, accepted);
    }

    @Override
    public void observeStep(StepPlan plan, Drafts drafts, int missed, long draft, long target) {
      caughtUp += missed;
    }

    @Override
    public double minConfidence() {
      return 0;
    }

    @Override
    public boolean expectsToDraft() {
      return follows;
    }

    @Override
    public void forget(Sequence sequence) {}

    @Override
    public SpeculationReport report() {
      return fixed.report();
    }
  }

  /// A draft model starts behind the prefix, too, if it followed the prompt that left it, and
  /// drafts as well as one that has seen all of it; else it catches up.
  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mil1-50-split", "mil2-0"})
  void aDraftModelStartsBehindThePrefixToo(String target) {
    int[] text = GoldenModel.open(target).promptIds("len130");
    Path folder = GoldenModel.folder(target);
    FollowingLength length = new FollowingLength(4);
    try (SpeculationRig rig =
        SpeculationRig.withModel(folder, folder, backend, warm(4), any -> length)) {
      for (boolean followed : new boolean[] {true, false}) {
        int[] prompt = Arrays.copyOfRange(text, followed ? 0 : 20, 110);
        length.follows = followed;
        rig.run(List.of(request(prompt, 1)));
        length.follows = false;
        length.caughtUp = 0;
        GenerationStats stats = stats(alone(rig, request(prompt, 20)));
        assertThat(stats.cachedTokens()).isEqualTo(prompt.length / BLOCK * BLOCK);
        assertThat(stats.draftedTokens()).isPositive();
        assertThat(stats.acceptedTokens()).isEqualTo(stats.draftedTokens());
        if (followed) {
          assertThat(length.caughtUp).isLessThan(BLOCK);
        } else {
          assertThat(length.caughtUp).isGreaterThan(prompt.length - BLOCK);
        }
      }
    }
  }
}
