package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.checkpoint.SafetensorsFile;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.sampling.Distribution;
import dev.krait.sampling.LogitsProcessors;
import dev.krait.sampling.PhiloxRandom;
import dev.krait.sampling.PhiloxRandom.Purpose;
import dev.krait.sampling.Sampler;
import dev.krait.sampling.Verifier;
import dev.krait.tensor.Tensor;
import dev.krait.testing.ChiSquare;
import java.lang.foreign.Arena;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Speculative sampling keeps the target's distribution: two-token continuations of a 32-token
/// model pair against exact probabilities, 200,000 samples for each setting.
class SpeculativeSamplingTest {
  private static final int SAMPLES = 200_000;
  private static final int VOCAB = 32;
  private static final double MIN_P_VALUE = 0.001;

  private static Backend backend;
  private static SteppedModel target;
  private static SteppedModel draft;
  private static JsonNode about;
  private static Map<String, Tensor> exact;

  @BeforeAll
  static void open() throws URISyntaxException {
    Path folder =
        Path.of(SpeculativeSamplingTest.class.getResource("/speculative/expected.json").toURI())
            .resolveSibling("");
    backend = new ReferenceBackend();
    target = new SteppedModel(folder.resolve("tiny-target"), backend, 1, 64, 64);
    draft = new SteppedModel(folder.resolve("tiny-draft"), backend, 1, 64, 64);
    about = JsonMapper.shared().readTree(folder.resolve("distribution.json").toFile());
    exact =
        SafetensorsFile.map(folder.resolve("distribution.safetensors"), Arena.ofAuto()).tensors();
  }

  @AfterAll
  static void close() {
    target.close();
    draft.close();
    backend.close();
  }

  /// How a round treats a draft.
  private interface Rule {
    boolean accepts(int token, Distribution p, Distribution q, long seed, int position);

    int recover(Distribution p, Distribution q, long seed, int position);
  }

  private static Rule sound() {
    Verifier verifier = new Verifier(VOCAB);
    return new Rule() {
      @Override
      public boolean accepts(int token, Distribution p, Distribution q, long seed, int position) {
        return verifier.accepts(token, p, q, seed, position);
      }

      @Override
      public int recover(Distribution p, Distribution q, long seed, int position) {
        return verifier.recover(p, q, seed, position);
      }
    };
  }

  /// Distributions of both models after the prompt and after the prompt and each first token.
  private record Contexts(List<Distribution> p, List<Distribution> q) {
    static Contexts of(int[] prompt, SamplingParams params) {
      Distribution[] p = new Distribution[VOCAB + 1];
      Distribution[] q = new Distribution[VOCAB + 1];
      for (int first = 0; first <= VOCAB; first++) {
        int[] ids = new int[prompt.length + (first < VOCAB ? 1 : 0)];
        System.arraycopy(prompt, 0, ids, 0, prompt.length);
        if (first < VOCAB) {
          ids[prompt.length] = first;
        }
        p[first] = distribution(target, ids, prompt.length, params);
        q[first] = distribution(draft, ids, prompt.length, params);
      }
      return new Contexts(List.of(p), List.of(q));
    }

    Distribution p(int first) {
      return p.get(first < 0 ? VOCAB : first);
    }

    Distribution q(int first) {
      return q.get(first < 0 ? VOCAB : first);
    }
  }

  private static Distribution distribution(
      SteppedModel bench, int[] ids, int promptTokens, SamplingParams params) {
    float[] logits = bench.chunk(bench.memory(0), ids, 0, ids.length).getLast();
    int[] prompt = new int[promptTokens];
    System.arraycopy(ids, 0, prompt, 0, promptTokens);
    LogitsProcessors processors =
        LogitsProcessors.of(
            GenerationRequest.of(
                "test", TokenIds.of(prompt), params, new StopConditions(2, 0, TokenIds.empty())));
    for (int i = promptTokens; i < ids.length; i++) {
      processors.accept(ids[i]);
    }
    processors.apply(logits);
    Distribution result = new Distribution(VOCAB);
    new Sampler(VOCAB).distribution(logits, params, result);
    return result;
  }

  /// Two tokens by rounds of up to two drafts, as the runner makes them.
  private static int[] sample(Contexts contexts, int prompt, long seed, Rule rule) {
    int[] tokens = {-1, -1};
    int known = 0;
    while (known < 2) {
      int start = known;
      boolean rejected = false;
      int previous = start == 0 ? -1 : tokens[0];
      while (known < 2 && !rejected) {
        int position = prompt + known;
        Distribution q = contexts.q(previous);
        Distribution p = contexts.p(previous);
        int proposal = q.draw(PhiloxRandom.uniform(seed, position, Purpose.DRAFT));
        rejected = !rule.accepts(proposal, p, q, seed, position);
        tokens[known] = rejected ? rule.recover(p, q, seed, position) : proposal;
        previous = tokens[known++];
      }
    }
    return tokens;
  }

  private static long[] count(Contexts contexts, int prompt, Rule rule) {
    long[] counts = new long[VOCAB * VOCAB];
    for (long seed = 0; seed < SAMPLES; seed++) {
      int[] pair = sample(contexts, prompt, seed * 7919 + 13, rule);
      counts[pair[0] * VOCAB + pair[1]]++;
    }
    return counts;
  }

  static Stream<Arguments> settings() throws URISyntaxException {
    Path file =
        Path.of(
            SpeculativeSamplingTest.class.getResource("/speculative/distribution.json").toURI());
    JsonNode root = JsonMapper.shared().readTree(file.toFile());
    List<Arguments> all = new ArrayList<>();
    for (String prompt : root.get("prompts").propertyNames()) {
      for (String key : root.get("prompts").get(prompt).get("settings").propertyNames()) {
        all.add(Arguments.of(prompt, key));
      }
    }
    return all.stream();
  }

  private static int[] promptIds(String prompt) {
    JsonNode ids = about.get("prompts").get(prompt).get("ids");
    int[] values = new int[ids.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = ids.get(i).asInt();
    }
    return values;
  }

  private static SamplingParams params(String prompt, String key) {
    JsonNode setting = about.get("prompts").get(prompt).get("settings").get(key);
    return SamplingParams.of(set -> {
      set.temperature = (float) setting.get("temperature").asDouble();
      set.topK = setting.get("top_k").asInt();
      set.topP = (float) setting.get("top_p").asDouble();
      set.reproducible = false;
    });
  }

  private static double[] doubles(String tensor) {
    float[] values = Objects.requireNonNull(exact.get(tensor), tensor).toFloats();
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("settings")
  void pairsFollowTheExactJointDistribution(String prompt, String key) {
    int[] ids = promptIds(prompt);
    Contexts contexts = Contexts.of(ids, params(prompt, key));
    long[] counts = count(contexts, ids.length, sound());
    assertThat(ChiSquare.pValue(counts, doubles(key + ".joint"))).isGreaterThan(MIN_P_VALUE);
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("settings")
  void theFirstDraftIsAcceptedAsOftenAsComputed(String prompt, String key) {
    int[] ids = promptIds(prompt);
    Contexts contexts = Contexts.of(ids, params(prompt, key));
    long[] accepted = new long[2];
    Verifier verifier = new Verifier(VOCAB);
    for (long seed = 0; seed < SAMPLES; seed++) {
      int token = contexts.q(-1).draw(PhiloxRandom.uniform(seed, ids.length, Purpose.DRAFT));
      boolean taken = verifier.accepts(token, contexts.p(-1), contexts.q(-1), seed, ids.length);
      accepted[taken ? 1 : 0]++;
    }
    double expected =
        about
            .get("prompts")
            .get(prompt)
            .get("settings")
            .get(key)
            .get("probability_first_draft_token_accepted")
            .asDouble();
    double[] probabilities = {1 - expected, expected};
    assertThat(ChiSquare.pValue(accepted, probabilities)).isGreaterThan(MIN_P_VALUE);
  }

  @Test
  void aBrokenAcceptanceRuleIsNoticed() {
    Verifier verifier = new Verifier(VOCAB);
    Rule acceptsTooMuch =
        new Rule() {
          @Override
          public boolean accepts(int token, Distribution p, Distribution q, long seed, int at) {
            double slack = 1.05 * p.of(token);
            return PhiloxRandom.uniform(seed, at, Purpose.ACCEPTANCE) * q.of(token) < slack;
          }

          @Override
          public int recover(Distribution p, Distribution q, long seed, int at) {
            return verifier.recover(p, q, seed, at);
          }
        };
    Rule recoversFromTarget =
        new Rule() {
          @Override
          public boolean accepts(int token, Distribution p, Distribution q, long seed, int at) {
            return verifier.accepts(token, p, q, seed, at);
          }

          @Override
          public int recover(Distribution p, Distribution q, long seed, int at) {
            return Verifier.sample(p, seed, at);
          }
        };
    int[] ids = promptIds("len6");
    Contexts contexts = Contexts.of(ids, params("len6", "len6.k0.p1"));
    double[] joint = doubles("len6.k0.p1.joint");
    for (Rule broken : List.of(acceptsTooMuch, recoversFromTarget)) {
      assertThat(ChiSquare.pValue(count(contexts, ids.length, broken), joint))
          .isLessThan(MIN_P_VALUE);
    }
  }

  @Test
  void penaltiesBiasAndMinPHoldForBothDistributions() {
    int[] ids = promptIds("len19");
    SamplingParams params =
        SamplingParams.of(set -> {
          set.temperature = 0.9f;
          set.minP = 0.02f;
          set.reproducible = false;
          set.repetitionPenalty = 1.3f;
          set.presencePenalty = 0.7f;
          set.frequencyPenalty = 0.4f;
          set.logitBias = Map.of(3, 1.5f, 7, -2f);
        });
    Contexts contexts = Contexts.of(ids, params);
    long[] counts = count(contexts, ids.length, sound());
    double[] joint = new double[VOCAB * VOCAB];
    double[] first = enumerate(ids, -1, params);
    for (int a = 0; a < VOCAB; a++) {
      double[] second = enumerate(ids, a, params);
      for (int b = 0; b < VOCAB; b++) {
        joint[a * VOCAB + b] = first[a] * second[b];
      }
    }
    assertThat(ChiSquare.pValue(counts, joint)).isGreaterThan(MIN_P_VALUE);
  }

  /// The target's distribution after the prompt and perhaps one token, written out without the code
  /// under test.
  private static double[] enumerate(int[] prompt, int first, SamplingParams params) {
    int[] ids = java.util.Arrays.copyOf(prompt, prompt.length + (first < 0 ? 0 : 1));
    if (first >= 0) {
      ids[prompt.length] = first;
    }
    float[] logits = target.chunk(target.memory(0), ids, 0, ids.length).getLast();
    double[] weights = new double[VOCAB];
    double most = 0;
    for (int i = 0; i < VOCAB; i++) {
      double logit = logits[i];
      int token = i;
      boolean seen = java.util.Arrays.stream(ids).anyMatch(id -> id == token);
      if (seen) {
        logit = logit > 0 ? logit / 1.3f : logit * 1.3f;
      }
      logit -= i == first ? 0.7f + 0.4f : 0;
      logit += params.logitBias().getOrDefault(i, 0f);
      weights[i] = Math.exp(logit / 0.9f);
      most = Math.max(most, weights[i]);
    }
    double total = 0;
    for (int i = 0; i < VOCAB; i++) {
      weights[i] = weights[i] >= 0.02f * most ? weights[i] : 0;
      total += weights[i];
    }
    for (int i = 0; i < VOCAB; i++) {
      weights[i] /= total;
    }
    return weights;
  }
}
