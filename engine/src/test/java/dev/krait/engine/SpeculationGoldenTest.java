package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.testing.Generations;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Greedy speculation gives the target's own continuation, with the accepted drafts of every round
/// as computed independently.
@Tag("slow")
class SpeculationGoldenTest {

  private static Path resource(String name) {
    try {
      return Path.of(SpeculationGoldenTest.class.getResource(name).toURI());
    } catch (URISyntaxException failure) {
      throw new IllegalArgumentException(name, failure);
    }
  }

  private static JsonNode json(String name) {
    return JsonMapper.shared().readTree(resource(name).toFile());
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  private static EngineConfig config(Path target, Path draft, int draftTokens) {
    return EngineConfig.of(
        target,
        set -> {
          set.speculation = SpeculationMode.DRAFT;
          set.draftFolder = Optional.of(draft);
          set.maxDraftTokens = Math.max(1, draftTokens);
          set.draftTokens = OptionalInt.of(draftTokens);
        });
  }

  private static int[] greedy(Engine engine, int[] prompt, int tokens) {
    return Generations.ids(
        engine
            .handle()
            .submit(
                GenerationRequest.of(
                    "greedy",
                    TokenIds.of(prompt),
                    SamplingParams.greedy(),
                    new StopConditions(tokens, 0, TokenIds.empty()))));
  }

  /// Runs one prompt alone and collects what each round accepted.
  private static List<Integer> rounds(
      Path target, Path draft, int draftTokens, int[] prompt, int[] expected) {
    List<Integer> accepted = new ArrayList<>();
    StepListener listener =
        stats -> {
          if (stats.scheduler().draftedTokens() > 0) {
            accepted.add(stats.scheduler().generatedTokens() - 1);
          }
        };
    try (Engine engine = Engine.open(config(target, draft, draftTokens), listener, line -> {})) {
      assertThat(greedy(engine, prompt, expected.length))
          .as("K %d", draftTokens)
          .containsExactly(expected);
    }
    return accepted;
  }

  @ParameterizedTest(name = "K = {0}")
  @ValueSource(ints = {1, 2, 3, 4, 5, 7})
  void theFixturePairKeepsTheTargetsContinuation(int draftTokens) {
    JsonNode expected = json("/speculative/expected.json");
    for (String name : expected.get("prompts").propertyNames()) {
      JsonNode prompt = expected.get("prompts").get(name);
      List<Integer> rounds =
          rounds(
              resource("/speculative/target"),
              resource("/speculative/draft"),
              draftTokens,
              ints(prompt.get("ids")),
              ints(prompt.get("continuation")));
      assertThat(rounds).as("accepted per round of %s", name).contains(0, draftTokens);
    }
  }

  @ParameterizedTest(name = "K = {0}")
  @ValueSource(ints = {1, 2, 3, 4, 6})
  void theShippedPairMatchesRoundByRound(int draftTokens) {
    Path models = Path.of(System.getProperty("krait.repo"), "models");
    JsonNode expected = json("/trained/expected.json");
    for (String name : expected.get("prompts").propertyNames()) {
      int[] continuation = ints(expected.get("greedy").get(name).get("ids"));
      List<Integer> rounds =
          rounds(
              models.resolve("krait-tiny"),
              models.resolve("krait-tiny-draft"),
              draftTokens,
              ints(expected.get("prompts").get(name).get("ids")),
              continuation);
      int[] accepted =
          ints(expected.get("speculation").get(name).get(Integer.toString(draftTokens)));
      assertThat(rounds).as(name).hasSizeBetween(accepted.length - 1, accepted.length);
      for (int i = 0; i < rounds.size() - 1; i++) {
        assertThat(rounds.get(i)).as("%s round %d", name, i).isEqualTo(accepted[i]);
      }
    }
  }

  @Test
  void aPlainEngineGivesTheSameContinuation() {
    JsonNode expected = json("/speculative/expected.json");
    try (Engine engine = Engine.open(EngineConfig.of(resource("/speculative/target")))) {
      for (String name : expected.get("prompts").propertyNames()) {
        JsonNode prompt = expected.get("prompts").get(name);
        int[] continuation = ints(prompt.get("continuation"));
        assertThat(greedy(engine, ints(prompt.get("ids")), continuation.length))
            .as(name)
            .containsExactly(continuation);
      }
    }
  }
}
