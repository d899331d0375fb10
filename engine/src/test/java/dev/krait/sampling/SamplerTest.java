package dev.krait.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.krait.generation.SamplingParams;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Filters against a plain reading of their definitions.
class SamplerTest {
  private static final int VOCAB = 700;

  private static SamplingParams params(double temperature, int topK, double topP, double minP) {
    return SamplingParams.of(set -> {
      set.temperature = (float) temperature;
      set.topK = topK;
      set.topP = (float) topP;
      set.minP = (float) minP;
    });
  }

  /// Sorted by probability, cut by top-k, renormalised, cut by top-p, cut by min-p, renormalised.
  private static Map<Integer, Double> expected(float[] logits, SamplingParams params) {
    double most = IntStream.range(0, VOCAB).mapToDouble(i -> logits[i]).max().orElseThrow();
    double[] weights =
        IntStream.range(0, VOCAB)
            .mapToDouble(i -> Math.exp((logits[i] - most) / params.temperature()))
            .toArray();
    List<Integer> ids =
        IntStream.range(0, VOCAB)
            .boxed()
            .sorted(
                Comparator.<Integer>comparingDouble(i -> 0.0 - logits[i])
                    .thenComparing(Comparator.naturalOrder()))
            .limit(params.topK() == 0 ? VOCAB : params.topK())
            .toList();
    double total = ids.stream().mapToDouble(i -> weights[i]).sum();
    double before = 0;
    Map<Integer, Double> kept = new TreeMap<>();
    for (int id : ids) {
      if (params.topP() < 1 && before >= params.topP() * total) {
        break;
      }
      before += weights[id];
      if (weights[id] >= params.minP() && weights[id] > 0) {
        kept.put(id, weights[id]);
      }
    }
    double mass = kept.values().stream().mapToDouble(w -> w).sum();
    kept.replaceAll((id, weight) -> weight / mass);
    return kept;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 1, 0",
    "0.7, 0, 0.95, 0",
    "1, 50, 1, 0",
    "1, 1, 1, 0",
    "1.5, 40, 0.9, 0",
    "2, 699, 0.99, 0",
    "1, 0, 1, 0.1",
    "0.8, 30, 0.9, 0.2",
    "1, 30, 1, 0.3",
    "1, 0, 0.5, 0.9",
    "5, 700, 0.999, 0",
    "0.1, 5, 0.3, 0.01",
    "50, 0, 0.9999, 0",
    "1, 0, 0.00001, 1",
  })
  void aDistributionIsWhatItsFiltersSay(double temperature, int topK, double topP, double minP) {
    SamplingParams params = params(temperature, topK, topP, minP);
    Sampler sampler = new Sampler(VOCAB);
    Distribution actual = new Distribution(VOCAB);
    Random random = new Random(11);
    for (int round = 0; round < 60; round++) {
      float[] logits = new float[VOCAB + 3];
      double spread = 0.1 + 8 * random.nextDouble();
      for (int i = 0; i < logits.length; i++) {
        // Every third row has many equal logits, and padding is larger than anything.
        double value = spread * random.nextGaussian();
        logits[i] = i >= VOCAB ? 1000 : (float) (round % 3 == 0 ? Math.rint(value) : value);
      }
      assertThat(sampler.distribution(logits, params, actual)).isTrue();
      Map<Integer, Double> expected = expected(logits, params);
      assertThat(IntStream.range(0, actual.size()).map(actual::id).boxed().toList())
          .isEqualTo(List.copyOf(expected.keySet()));
      for (int i = 0; i < actual.size(); i++) {
        assertThat(actual.probability(i)).isCloseTo(expected.get(actual.id(i)), within(1e-12));
      }
    }
  }

  @Test
  void excludedTokensAreNeverChosen() {
    float[] logits = new float[VOCAB];
    java.util.Arrays.fill(logits, Float.NEGATIVE_INFINITY);
    logits[3] = -1;
    logits[5] = Float.NaN;
    Distribution actual = new Distribution(VOCAB);
    for (SamplingParams params :
        List.of(params(0, 0, 1, 0), params(1, 0, 1, 0), params(1, 9, 0.9, 0.1))) {
      assertThat(new Sampler(VOCAB).distribution(logits, params, actual)).isTrue();
      assertThat(actual.size()).isEqualTo(1);
      assertThat(actual.id(0)).isEqualTo(3);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY})
  void withoutAFiniteLogitThereIsNothingToChoose(float everywhere) {
    float[] logits = new float[VOCAB];
    java.util.Arrays.fill(logits, everywhere);
    Distribution actual = new Distribution(VOCAB);
    for (SamplingParams params :
        List.of(params(0, 0, 1, 0), params(1, 0, 1, 0), params(1, 9, 0.9, 0.1))) {
      assertThat(new Sampler(VOCAB).distribution(logits, params, actual)).isFalse();
      assertThat(actual.size()).isZero();
    }
    assertThat(new Sampler(VOCAB).argMax(logits)).isEqualTo(-1);
  }

  @Test
  void theSmallestOfEqualTokensIsTheMostProbable() {
    float[] logits = new float[VOCAB];
    logits[600] = 2;
    logits[40] = 2;
    assertThat(new Sampler(VOCAB).argMax(logits)).isEqualTo(40);
    Distribution actual = new Distribution(VOCAB);
    new Sampler(VOCAB).distribution(logits, params(1, 1, 1, 0), actual);
    assertThat(actual.id(0)).isEqualTo(40);
  }
}
