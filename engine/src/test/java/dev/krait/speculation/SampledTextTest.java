package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.runner.NextTokenLogits;
import dev.krait.speculation.SpeculationRig.Answer;
import dev.krait.speculation.SpeculationRig.Sizes;
import dev.krait.testing.ChiSquare;
import dev.krait.testing.TestBackends;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What the engine samples with a draft model, without a named seed, follows the target's own
/// distribution. Scheduler, draft model, target and acceptance are the product's; the expected
/// probabilities are written out over a vocabulary of 32.
///
/// The first token comes from the prompt's step, so that the second and the third are the first
/// with drafts.
@Tag("slow")
class SampledTextTest {
  private static final int VOCAB = 32;
  private static final int SAMPLES = 24_000;
  private static final int SEQUENCES = 32;
  private static final int DRAFTS = 2;
  private static final double MIN_P_VALUE = 0.001;
  private static final int[] PROMPT = {3, 17, 8, 21, 5};
  private static final StopConditions THREE = new StopConditions(3, 0, TokenIds.empty());

  /// Requests of one kind.
  @SuppressWarnings("ImmutableEnumChecker") // the map is immutable
  enum Setting {
    PLAIN(0.8f, 0, 1, 0, 0, Map.of()),
    FILTERED(0.8f, 8, 0.9f, 0, 0, Map.of()),
    PENALISED(0.9f, 0, 1, 0.7f, 0.4f, Map.of(3, 1.5f, 7, -2f));

    private final float temperature;
    private final int topK;
    private final float topP;
    private final float presence;
    private final float frequency;
    private final Map<Integer, Float> bias;

    Setting(
        float temperature,
        int topK,
        float topP,
        float presence,
        float frequency,
        Map<Integer, Float> bias) {
      this.temperature = temperature;
      this.topK = topK;
      this.topP = topP;
      this.presence = presence;
      this.frequency = frequency;
      this.bias = bias;
    }

    SamplingParams params(long seed, boolean reproducible) {
      return SamplingParams.of(set -> {
        set.temperature = temperature;
        set.topK = topK;
        set.topP = topP;
        set.seed = seed;
        set.reproducible = reproducible;
        set.presencePenalty = presence;
        set.frequencyPenalty = frequency;
        set.logitBias = bias;
      });
    }

    /// Probabilities of the next token, written out.
    double[] probabilities(float[] logits, int... output) {
      double[] weights = new double[VOCAB];
      for (int i = 0; i < VOCAB; i++) {
        int token = i;
        long count = Arrays.stream(output).filter(id -> id == token).count();
        double logit = logits[i] - (count > 0 ? presence + count * frequency : 0);
        weights[i] = Math.exp((logit + bias.getOrDefault(i, 0f)) / temperature);
      }
      return filtered(weights);
    }

    private double[] filtered(double[] weights) {
      int[] ranked = new int[VOCAB];
      for (int i = 0; i < VOCAB; i++) {
        int rank = 0;
        for (int j = 0; j < VOCAB; j++) {
          rank += weights[j] > weights[i] ? 1 : 0;
        }
        ranked[rank] = i;
      }
      int most = topK == 0 ? VOCAB : topK;
      double candidates = 0;
      for (int rank = 0; rank < most; rank++) {
        candidates += weights[ranked[rank]];
      }
      double[] kept = new double[VOCAB];
      double mass = 0;
      for (int rank = 0; rank < most && mass < topP * candidates; rank++) {
        kept[ranked[rank]] = weights[ranked[rank]];
        mass += weights[ranked[rank]];
      }
      for (int i = 0; i < VOCAB; i++) {
        kept[i] /= mass;
      }
      return kept;
    }
  }

  private static Path folder(String model) {
    try {
      return Path.of(SampledTextTest.class.getResource("/speculative/expected.json").toURI())
          .resolveSibling(model);
    } catch (URISyntaxException broken) {
      throw new IllegalStateException(broken);
    }
  }

  /// What so many requests of one kind gave.
  private static final class Counts {
    /// How often each pair came as second and third token.
    private final long[] pairs = new long[VOCAB * VOCAB];

    private long drafted;
    private long accepted;
  }

  private static Counts sample(Setting setting, boolean reproducible, int samples) {
    Counts counts = new Counts();
    Sizes sizes = new Sizes(DRAFTS, SEQUENCES, 32, SEQUENCES * 8, 1);
    try (Backend backend = TestBackends.open("cpu");
        SpeculationRig rig =
            SpeculationRig.withModel(folder("tiny-target"), folder("tiny-draft"), backend, sizes)) {
      for (int first = 0; first < samples; first += SEQUENCES) {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = first; i < first + SEQUENCES; i++) {
          SamplingParams params = setting.params(i * 7919L + 13, reproducible);
          requests.add(GenerationRequest.of("r", TokenIds.of(PROMPT), params, THREE));
        }
        for (Answer answer : rig.run(requests)) {
          counts.pairs[answer.ids().get(1) * VOCAB + answer.ids().get(2)]++;
          Finished end = (Finished) answer.end();
          counts.drafted += end.stats().draftedTokens();
          counts.accepted += end.stats().acceptedTokens();
        }
      }
    }
    return counts;
  }

  /// The joint distribution of the second and the third token, over every first one.
  private static double[] expected(Setting setting) {
    double[] joint = new double[VOCAB * VOCAB];
    try (NextTokenLogits target = NextTokenLogits.open(folder("tiny-target"))) {
      double[] first = setting.probabilities(target.logits(PROMPT));
      for (int a = 0; a < VOCAB; a++) {
        double[] second = setting.probabilities(target.logits(PROMPT, a), a);
        for (int b = 0; b < VOCAB; b++) {
          double[] third = setting.probabilities(target.logits(PROMPT, a, b), a, b);
          for (int c = 0; c < VOCAB; c++) {
            joint[b * VOCAB + c] += first[a] * second[b] * third[c];
          }
        }
      }
    }
    return joint;
  }

  @ParameterizedTest
  @EnumSource
  void theEngineSamplesTheTargetsDistribution(Setting setting) {
    Counts counts = sample(setting, false, SAMPLES);
    assertThat(counts.accepted).isBetween(counts.drafted / 4, counts.drafted * 3 / 4);
    assertThat(ChiSquare.pValue(counts.pairs, expected(setting))).isGreaterThan(MIN_P_VALUE);
  }

  @Test
  void withoutANamedSeedMoreDraftsAreAccepted() {
    Counts free = sample(Setting.PLAIN, false, 4000);
    Counts named = sample(Setting.PLAIN, true, 4000);
    assertThat((double) free.accepted / free.drafted)
        .isGreaterThan(1.02 * named.accepted / named.drafted);
  }
}
