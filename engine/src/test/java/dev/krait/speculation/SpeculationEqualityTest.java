package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Greedy output with speculation equals plain greedy output, token for token and logit for logit,
/// whatever drafts.
@Tag("slow")
class SpeculationEqualityTest {
  private static final int CONTEXT = 192;
  private static final String[] TARGETS = {
    "llama-gqa-rope3",
    "mistral-window",
    "mil1-50-split",
    "mil2-25",
    "mil2-0",
    "mamba1-hf",
    "mamba2-hf-g2",
    "granite-hybrid-moe",
    "lfm2-moe",
    "nemotron3-latent",
    "qwen3.5-moe",
    "kimi-linear",
    "falcon-h1"
  };
  private static final String[] DRAFTS = {
    "llama-gqa-rope3", "mamba1-hf", "mamba2-hf-g1", "mil2-25", "mil1-50-split"
  };

  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = TestBackends.open();
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  private static Path folder(String name) {
    return GoldenModel.folder(name);
  }

  private static Sizes sizes(int draftTokens) {
    return new Sizes(draftTokens, 16, CONTEXT, 256, 1);
  }

  /// Requests of mixed prompt and output lengths; each asks for logprobs, so that logits are
  /// compared too.
  private static List<GenerationRequest> requests(String target, int count, Random random) {
    SamplingParams greedy = SamplingParams.of(set -> set.logprobs = 3);
    return requests(target, count, random, i -> greedy, 0);
  }

  private static List<GenerationRequest> requests(
      String target,
      int count,
      Random random,
      IntFunction<SamplingParams> sampling,
      int minTokens) {
    int[] text = GoldenModel.open(target).promptIds("len130");
    List<GenerationRequest> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = i == 0 ? 1 : i == 1 ? 130 : 1 + random.nextInt(130);
      int[] prompt = new int[length];
      System.arraycopy(text, random.nextInt(131 - length), prompt, 0, length);
      StopConditions stop =
          new StopConditions(
              minTokens + 1 + random.nextInt(40),
              minTokens,
              TokenIds.of(random.nextInt(320), 7, 99));
      requests.add(GenerationRequest.of("r" + i, TokenIds.of(prompt), sampling.apply(i), stop));
    }
    return requests;
  }

  private static List<Answer> plain(String target, List<GenerationRequest> requests) {
    try (SpeculationRig rig =
        SpeculationRig.of(folder(target), backend, sizes(0), vocab -> new NgramDrafter(1, 3))) {
      return rig.run(requests);
    }
  }

  private static void assertEqual(List<Answer> actual, List<Answer> expected, String what) {
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i).ids()).as(what + ", ids " + i).isEqualTo(expected.get(i).ids());
      assertThat(actual.get(i).logprobs())
          .as(what + ", logprobs " + i)
          .isEqualTo(expected.get(i).logprobs());
      assertThat(reason(actual.get(i))).as(what).isEqualTo(reason(expected.get(i)));
    }
  }

  private static Optional<FinishReason> reason(Answer answer) {
    return answer.end() instanceof GenerationEvent.Finished finished
        ? Optional.of(finished.reason())
        : Optional.empty();
  }

  static Stream<Arguments> pairs() {
    return Stream.of(TARGETS)
        .flatMap(target -> Stream.of(DRAFTS).map(draft -> Arguments.of(target, draft)));
  }

  @ParameterizedTest(name = "{0} with {1}")
  @MethodSource("pairs")
  void aDraftModelOfAnyFamily(String target, String draft) {
    List<GenerationRequest> requests = requests(target, 16, new Random(target.hashCode()));
    List<Answer> expected = plain(target, requests);
    for (int k : new int[] {1, 2, 5, 8}) {
      try (SpeculationRig rig =
          SpeculationRig.withModel(folder(target), folder(draft), backend, sizes(k))) {
        assertEqual(rig.run(requests), expected, "K " + k);
        assertEqual(rig.run(requests.subList(0, 1)), expected.subList(0, 1), "alone, K " + k);
      }
    }
  }

  /// Seeded requests of every kind: filters, penalties, bias, minimum lengths.
  private static SamplingParams seeded(int i) {
    return switch (i % 5) {
      case 0 ->
          SamplingParams.of(set -> {
            set.seed = i;
            set.repetitionPenalty = 1.3f;
            set.presencePenalty = 0.5f;
            set.frequencyPenalty = 0.4f;
            set.logitBias = Map.of(5, 3f);
            set.logprobs = 2;
          });
      case 1 ->
          SamplingParams.of(set -> {
            set.temperature = 0.8f;
            set.seed = i;
            set.logprobs = 2;
          });
      case 2 ->
          SamplingParams.of(set -> {
            set.temperature = 1;
            set.topK = 20;
            set.topP = 0.9f;
            set.seed = i;
            set.repetitionPenalty = 1.2f;
            set.logprobs = 2;
          });
      case 3 ->
          SamplingParams.of(set -> {
            set.temperature = 0.6f;
            set.topP = 0.8f;
            set.seed = i;
            set.presencePenalty = 0.3f;
            set.frequencyPenalty = 0.2f;
            set.logprobs = 2;
          });
      default ->
          SamplingParams.of(set -> {
            set.temperature = 1.2f;
            set.minP = 0.1f;
            set.seed = i;
            set.logitBias = Map.of(7, -4f);
            set.logprobs = 2;
          });
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mil1-50-split", "mamba2-hf-g2"})
  void aSeededTextDoesNotDependOnWhatIsDrafted(String target) {
    List<GenerationRequest> requests =
        requests(target, 16, new Random(3), SpeculationEqualityTest::seeded, 4);
    List<Answer> expected = plain(target, requests);
    for (int k : new int[] {1, 3, 8}) {
      for (String draft : List.of(target, "mil2-25")) {
        try (SpeculationRig rig =
            SpeculationRig.withModel(folder(target), folder(draft), backend, sizes(k))) {
          assertEqual(rig.run(requests), expected, draft + ", K " + k);
        }
      }
    }
  }

  /// Six tokens, and none twice in a row.
  private static SamplingParams restricted(int i) {
    int[] allowed = {11, 12, 13, 14, 15, 16};
    List<TokenIds> twice = IntStream.of(allowed).mapToObj(id -> TokenIds.of(id, id)).toList();
    float temperature = i % 2 == 0 ? 0 : 0.9f;
    return SamplingParams.of(set -> {
      set.temperature = temperature;
      set.seed = i;
      set.logprobs = 2;
      set.allowedTokenIds = TokenIds.of(allowed);
      set.badWords = twice;
    });
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mil2-25"})
  void allowedTokensAndBadWordsHoldForEveryDraft(String target) {
    List<GenerationRequest> requests =
        requests(target, 8, new Random(5), SpeculationEqualityTest::restricted, 4);
    List<Answer> expected = plain(target, requests);
    for (Answer answer : expected) {
      assertThat(answer.ids()).allMatch(id -> id >= 11 && id <= 16);
      for (int i = 1; i < answer.ids().size(); i++) {
        assertThat(answer.ids().get(i)).isNotEqualTo(answer.ids().get(i - 1));
      }
    }
    for (String draft : List.of(target, "mamba1-hf")) {
      try (SpeculationRig rig =
          SpeculationRig.withModel(folder(target), folder(draft), backend, sizes(5))) {
        assertEqual(rig.run(requests), expected, draft);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mil1-50-split", "mil2-0", "mamba1-hf"})
  void lengthsThatChangeAtAnyTime(String target) {
    List<GenerationRequest> requests =
        requests(target, 24, new Random(9), SpeculationEqualityTest::seeded, 0);
    List<Answer> expected = plain(target, requests);
    for (String draft : List.of(target, "mamba2-hf-g1")) {
      try (SpeculationRig rig =
          SpeculationRig.withModel(
              folder(target), folder(draft), backend, sizes(8), WanderingDraftLength::new)) {
        assertEqual(rig.run(requests), expected, draft);
      }
    }
  }

  /// Proposes what the plain run generated, something else, or either by chance.
  private record OracleDrafter(
      Map<TokenIds, List<Integer>> texts, double rightness, Random random, int vocab)
      implements Drafter {
    @Override
    public int propose(StepPlan plan, Drafts drafts, double minConfidence, boolean followsPrompts) {
      for (int i = 0; i < plan.size(); i++) {
        Sequence sequence = plan.sequence(i);
        List<Integer> text = texts.getOrDefault(sequence.request().promptIds(), List.of());
        int from = sequence.tokens() - sequence.promptTokens();
        int count = plan.draftTokens(i) == 0 ? 0 : random.nextInt(plan.draftTokens(i) + 1);
        for (int j = 0; j < count; j++) {
          int right = from + j < text.size() ? text.get(from + j) : 5;
          int id =
              random.nextDouble() < rightness ? right : (right + 1 + random.nextInt(9)) % vocab;
          drafts.next(i).setCertain(id);
          drafts.add(i, id, 1);
        }
      }
      return 0;
    }

    @Override
    public void forget(Sequence sequence) {}

    @Override
    public void close() {}
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-gqa-rope3",
        "mistral-window",
        "mil1-50-split",
        "m1-25-fused-sharded",
        "mil2-25",
        "mil2-50-n128",
        "mil2-0",
        "mamba1-hf",
        "mamba2-hf-g1",
        "mamba2-hf-g2"
      })
  void rightWrongAndRandomDrafts(String target) {
    List<GenerationRequest> requests = requests(target, 16, new Random(11));
    List<Answer> expected = plain(target, requests);
    Map<TokenIds, List<Integer>> texts = new HashMap<>();
    for (int i = 0; i < requests.size(); i++) {
      texts.put(requests.get(i).promptIds(), expected.get(i).ids());
    }
    for (double rightness : new double[] {0, 0.5, 0.8, 1}) {
      for (int k = 1; k <= 8; k++) {
        Random random = new Random(k);
        try (SpeculationRig rig =
            SpeculationRig.of(
                folder(target),
                backend,
                sizes(k),
                vocab -> new OracleDrafter(texts, rightness, random, vocab))) {
          assertEqual(rig.run(requests), expected, "rightness " + rightness + ", K " + k);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mil1-50-split", "mil2-25", "mamba2-hf-g1"})
  void preemptionInTheMiddleAndLittleRoom(String target) {
    List<GenerationRequest> requests = requests(target, 16, new Random(5));
    List<Answer> expected = plain(target, requests);
    Sizes tight = new Sizes(4, 12, CONTEXT, 40, 0.2);
    try (SpeculationRig rig =
        SpeculationRig.withModel(folder(target), folder("mil1-50-split"), backend, tight)) {
      assertEqual(rig.run(requests), expected, "tight pools");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mil2-25", "mamba1-hf"})
  void toTheLastTokenOfTheContext(String target) {
    int[] text = GoldenModel.open(target).promptIds("len64");
    GenerationRequest full =
        GenerationRequest.of(
            "full",
            TokenIds.of(text),
            SamplingParams.greedy(),
            new StopConditions(CONTEXT - text.length, 0, TokenIds.empty()));
    List<Answer> expected = plain(target, List.of(full));
    assertThat(expected.getFirst().ids()).hasSize(CONTEXT - text.length);
    try (SpeculationRig rig =
        SpeculationRig.of(folder(target), backend, sizes(6), vocab -> new NgramDrafter(1, 3))) {
      assertEqual(rig.run(List.of(full)), expected, "ngram");
    }
  }
}
