package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.speculation.SpeculationRig.Answer;
import dev.krait.speculation.SpeculationRig.Sizes;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A step that is submitted before the answer of the one before changes no token and no bit of a
/// log-probability, whoever shares the batch: greedy and drawn, with and without what the host
/// reads, short of memory, with and without kept prefixes.
@Tag("slow")
class StepsAheadTest {
  private static final int OUTPUT = 24;

  static Stream<Arguments> cases() {
    return Stream.of("llama-gqa-rope3", "mil1-50-split", "mamba1-hf", "mamba2-hf-g2")
        .flatMap(name -> TestBackends.names().stream().map(backend -> Arguments.of(name, backend)));
  }

  private static SamplingParams drawn(float topP, int topK, long seed, int logprobs) {
    return SamplingParams.of(set -> {
      set.temperature = 0.9f;
      set.topK = topK;
      set.topP = topP;
      set.minP = 0.01f;
      set.seed = seed;
      set.reproducible = seed % 2 == 0;
      set.logprobs = logprobs;
    });
  }

  private static GenerationRequest request(
      int[] ids, int from, int tokens, SamplingParams sampling, StopConditions stop) {
    TokenIds prompt = TokenIds.of(Arrays.copyOfRange(ids, from, from + tokens));
    return GenerationRequest.of("r", prompt, sampling, stop);
  }

  /// Of several lengths, with equal starts, some with processors or log-probabilities.
  private static List<GenerationRequest> requests(int[] ids, int stopId) {
    StopConditions all = new StopConditions(OUTPUT, 0, nothing());
    StopConditions stops = new StopConditions(OUTPUT, 0, TokenIds.of(stopId));
    SamplingParams penalised =
        SamplingParams.of(set -> {
          set.repetitionPenalty = 1.2f;
          set.presencePenalty = 0.1f;
          set.frequencyPenalty = 0.1f;
          set.logitBias = Map.of(7, 1f);
        });
    List<GenerationRequest> requests = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      requests.add(request(ids, 0, 40 + i, SamplingParams.greedy(), all));
      requests.add(request(ids, i, 9, SamplingParams.greedy(), stops));
      requests.add(request(ids, 0, 33 + i, drawn(0.8f, 0, i, -1), all));
      requests.add(request(ids, i, 5 + 7 * i, drawn(1, 20, 9 + i, -1), stops));
    }
    requests.add(
        request(
            ids, 3, 12, SamplingParams.greedy(), new StopConditions(12, 8, TokenIds.of(stopId))));
    requests.add(request(ids, 1, 20, drawn(0.9f, 0, 4, 3), new StopConditions(5, 0, nothing())));
    requests.add(request(ids, 2, 20, penalised, new StopConditions(6, 0, nothing())));
    return requests;
  }

  private static TokenIds nothing() {
    return TokenIds.empty();
  }

  private static List<Answer> run(
      GoldenModel golden, Backend backend, Sizes sizes, List<GenerationRequest> requests) {
    try (SpeculationRig rig =
        SpeculationRig.of(golden.folder(), backend, sizes, vocab -> new NgramDrafter(1, 3))) {
      return rig.run(requests);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void change_no_text(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    int[] ids = golden.promptIds("len130");
    try (Backend backend = TestBackends.open(backendName)) {
      StopConditions all = new StopConditions(OUTPUT, 0, nothing());
      var probe = List.of(request(ids, 0, 9, SamplingParams.greedy(), all));
      List<Integer> said = run(golden, backend, sizes(1, 1, -1), probe).getFirst().ids();
      List<GenerationRequest> requests = requests(ids, said.get(said.size() / 2));
      List<Answer> expected = run(golden, backend, sizes(1, 1, -1), requests);
      assertThat(expected.get(1).ids()).as("stopped early").hasSizeLessThan(OUTPUT);
      for (double share : new double[] {1, 0.3}) {
        for (int snapshots : new int[] {-1, 6}) {
          List<Answer> actual = run(golden, backend, sizes(share, 2, snapshots), requests);
          for (int i = 0; i < expected.size(); i++) {
            String what = "request %d, cache %s, snapshots %d".formatted(i, share, snapshots);
            assertThat(actual.get(i).ids()).as(what).isEqualTo(expected.get(i).ids());
            assertThat(actual.get(i).logprobs()).as(what).isEqualTo(expected.get(i).logprobs());
          }
        }
      }
    }
  }

  /// Drafts of a pass of the draft model that was submitted before those of the one before were
  /// known.
  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void change_no_text_of_a_draft_model(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    List<GenerationRequest> requests = requests(golden.promptIds("len130"), 7);
    try (Backend backend = TestBackends.open(backendName)) {
      List<Answer> plain = run(golden, backend, sizes(1, 1, -1), requests);
      for (double share : new double[] {1, 0.3}) {
        List<Answer> waiting =
            drafting(golden, backend, new Sizes(4, 8, 96, 48, share, -1, 1), requests);
        List<Answer> ahead =
            drafting(golden, backend, new Sizes(4, 8, 96, 48, share, -1, 2), requests);
        for (int i = 0; i < plain.size(); i++) {
          boolean bySeed = requests.get(i).sampling().reproducible();
          List<Answer> expected = bySeed ? plain : waiting;
          String what = "request %d, cache %s".formatted(i, share);
          assertThat(ahead.get(i).ids()).as(what).isEqualTo(expected.get(i).ids());
          assertThat(ahead.get(i).logprobs()).as(what).isEqualTo(expected.get(i).logprobs());
        }
      }
    }
  }

  /// Steps without drafts ahead of each other, between steps with drafts: the draft model falls
  /// behind and catches up.
  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void change_no_text_where_drafts_come_and_go(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    List<GenerationRequest> requests = requests(golden.promptIds("len130"), 7);
    try (Backend backend = TestBackends.open(backendName)) {
      List<Answer> plain = run(golden, backend, sizes(1, 1, -1), requests);
      for (double share : new double[] {1, 0.3}) {
        Sizes sizes = new Sizes(4, 8, 96, 48, share, 6, 2);
        List<Answer> actual = drafting(golden, backend, sizes, WanderingDraftLength::new, requests);
        for (int i = 0; i < plain.size(); i++) {
          SamplingParams sampling = requests.get(i).sampling();
          if (sampling.isGreedy() || sampling.reproducible()) {
            String what = "request %d, cache %s".formatted(i, share);
            assertThat(actual.get(i).ids()).as(what).isEqualTo(plain.get(i).ids());
            assertThat(actual.get(i).logprobs()).as(what).isEqualTo(plain.get(i).logprobs());
          }
        }
      }
    }
  }

  private static List<Answer> drafting(
      GoldenModel golden, Backend backend, Sizes sizes, List<GenerationRequest> requests) {
    return drafting(
        golden, backend, sizes, length -> new FixedDraftLength("test", length), requests);
  }

  private static List<Answer> drafting(
      GoldenModel golden,
      Backend backend,
      Sizes sizes,
      IntFunction<DraftLengthPolicy> policy,
      List<GenerationRequest> requests) {
    Path draft = GoldenModel.open("mamba1-hf").folder();
    try (SpeculationRig rig =
        SpeculationRig.withModel(golden.folder(), draft, backend, sizes, policy)) {
      return rig.run(requests);
    }
  }

  private static Sizes sizes(double cacheShare, int pendingSteps, int snapshots) {
    return new Sizes(0, 8, 96, 48, cacheShare, snapshots, pendingSteps);
  }
}
