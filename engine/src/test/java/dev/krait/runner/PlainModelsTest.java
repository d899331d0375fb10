package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.krait.backend.Backend;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CachePlanner;
import dev.krait.loading.LoadedModel;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.ResidualBlock.ScaledMixer;
import dev.krait.model.Rope;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.TestBackends;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Mixers with every option, alone, in layers that differ and side by side, against the same model
/// in double precision; whole and in chunks with the same bits.
class PlainModelsTest {
  private static final int TOKENS = 40;
  private static final int CHUNK = 7;
  private static final Rope ROPE = new Rope(8, 10_000, new Rope.Scaling.None());

  static Stream<Arguments> cases() {
    return models().keySet().stream()
        .flatMap(name -> TestBackends.names().stream().map(backend -> Arguments.of(name, backend)));
  }

  private static Map<String, List<List<ScaledMixer>>> models() {
    Attention plain = Attention.of(4, 2, 8);
    Attention turned = plain.withRope(ROPE);
    Map<String, List<List<ScaledMixer>>> models = new LinkedHashMap<>();
    models.put(
        "a rope of its own in every layer",
        layers(
            turned,
            plain.withRope(new Rope(8, 50, new Rope.Scaling.None())),
            plain.withRope(new Rope(8, 10_000, new Rope.Scaling.Linear(4))),
            turned));
    models.put("no positions", layers(plain, plain));
    models.put("positions in every other layer", layers(plain, turned, plain));
    models.put(
        "half of a head turns", layers(plain.withRope(new Rope(4, 100, new Rope.Scaling.None()))));
    models.put("a window in every other layer", layers(turned.withWindow(5), turned));
    models.put("another scale", layers(turned.withScale(0.8)));
    models.put("normed heads", layers(turned.withHeadNorm(1e-3f)));
    models.put("biases", layers(turned.withBias(), turned.withOutputBias()));
    models.put("an output gate", layers(turned.withOutputGate()));
    models.put(
        "everything at once",
        layers(
            plain
                .withRope(new Rope(6, 100, new Rope.Scaling.None()))
                .withWindow(9)
                .withScale(0.5)
                .withHeadNorm(1e-2f)
                .withBias()
                .withOutputBias()
                .withOutputGate()));
    for (Activation activation : Activation.values()) {
      models.put("feed-forward with " + activation, layers(turned, new Mlp(21, activation)));
    }
    models.put("gated feed-forward", layers(turned, new GatedMlp(21)));
    models.put(
        "side by side",
        List.of(
            List.of(
                new ScaledMixer(turned, 0.5f),
                new ScaledMixer(plain.withHeadNorm(1e-5f), 1),
                new ScaledMixer(new Mlp(30, Activation.GELU), -2)),
            List.of(new ScaledMixer(new GatedMlp(9), 0.3f)),
            List.of(new ScaledMixer(turned, 1), new ScaledMixer(plain, 1))));
    return models;
  }

  /// A block for each mixer.
  private static List<List<ScaledMixer>> layers(Mixer... mixers) {
    return Arrays.stream(mixers).map(mixer -> List.of(new ScaledMixer(mixer, 1))).toList();
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void logitsAreThoseOfPlainMathematics(String name, String backendName) {
    PlainModel plain = new PlainModel(Objects.requireNonNull(models().get(name)));
    int[] ids = new int[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
      ids[t] = t * 7 % PlainModel.VOCAB;
    }
    double[][] expected = plain.logits(ids);
    try (Backend backend = TestBackends.open(backendName)) {
      LoadedModel model = plain.load(backend, TOKENS);
      List<float[]> whole = run(model, ids, TOKENS);
      for (int t = 0; t < TOKENS; t++) {
        for (int v = 0; v < PlainModel.VOCAB; v++) {
          double tolerance = 1e-4 * Math.max(1, Math.abs(expected[t][v]));
          assertThat((double) whole.get(t)[v])
              .as("logit %d of token %d", v, t)
              .isCloseTo(expected[t][v], within(tolerance));
        }
      }
      List<float[]> chunks = run(model, ids, CHUNK);
      for (int t = 0; t < TOKENS; t++) {
        assertThat(chunks.get(t)).as("token %d in chunks", t).isEqualTo(whole.get(t));
      }
    }
  }

  private static List<float[]> run(LoadedModel model, int[] ids, int most) {
    CacheDemand demand = new CacheDemand(model.spec().cacheSpecs(), List.of(), 16, 1, TOKENS, 0, 0);
    CacheLayout layout = CachePlanner.plan(demand, CachePlanner.usableBytes(demand));
    ForwardPass pass = new ForwardPass(model, layout, TOKENS);
    FlatMemory memory = new FlatMemory(0, 0, demand.blocksFor(TOKENS));
    List<float[]> logits = new ArrayList<>();
    for (int first = 0; first < ids.length; first += most) {
      int count = Math.min(most, ids.length - first);
      pass.begin();
      int row = pass.add(memory, first, count, count, 0, 0);
      for (int j = 0; j < count; j++) {
        pass.setToken(row + j, ids[first + j]);
        pass.requestLogits(row + j);
      }
      pass.execute();
      for (int j = 0; j < count; j++) {
        logits.add(pass.logits(j).clone());
      }
    }
    return logits;
  }
}
