package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.cache.CacheDemand;
import dev.krait.cache.CacheLayout;
import dev.krait.cache.CachePlanner;
import dev.krait.loading.LoadedModel;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.model.Norm;
import dev.krait.model.ResidualBlock;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.TestBackends;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Layers of one kind may differ in every number that describes them.
class LayersOfTheirOwnTest {
  private static final int HIDDEN = 12;
  private static final int VOCAB = 19;
  private static final int TOKENS = 40;
  private static final float EPSILON = 1e-5f;

  private final SplittableRandom random = new SplittableRandom(3);

  static List<String> backends() {
    return TestBackends.names();
  }

  @ParameterizedTest
  @MethodSource("backends")
  void everyAttentionLayerHasItsOwnRope(String backendName) {
    List<Attention> layers =
        List.of(
            attention(new Rope(8, 10_000, new Rope.Scaling.None())),
            attention(new Rope(8, 50, new Rope.Scaling.None())),
            attention(new Rope(8, 10_000, new Rope.Scaling.Linear(4))),
            attention(new Rope(8, 10_000, new Rope.Scaling.None())));
    float[] embedding = values(VOCAB * HIDDEN);
    List<float[]> projections = new ArrayList<>();
    List<float[]> outputs = new ArrayList<>();
    for (Attention layer : layers) {
      projections.add(values(layer.projectionColumns() * HIDDEN));
      outputs.add(values(HIDDEN * layer.heads() * layer.headDim()));
    }
    float[] ones = new float[HIDDEN];
    java.util.Arrays.fill(ones, 1);
    double[][] expected = embedded(embedding);
    for (int i = 0; i < layers.size(); i++) {
      double[][] normed = PlainAttention.norm(expected, ones, EPSILON);
      double[][] seen = PlainAttention.attend(normed, projections.get(i), layers.get(i));
      double[][] delta = PlainAttention.multiply(seen, outputs.get(i), HIDDEN);
      for (int t = 0; t < TOKENS; t++) {
        for (int k = 0; k < HIDDEN; k++) {
          expected[t][k] += delta[t][k];
        }
      }
    }
    expected =
        PlainAttention.multiply(PlainAttention.norm(expected, ones, EPSILON), embedding, VOCAB);

    Norm norm = new Norm(HIDDEN, EPSILON);
    List<List<ResidualBlock>> blocks =
        layers.stream().map(l -> List.of(ResidualBlock.of(norm, l))).toList();
    ModelSpec spec = new ModelSpec("Test", HIDDEN, VOCAB, VOCAB, blocks, norm, TOKENS);
    try (Backend backend = TestBackends.open(backendName)) {
      Buffer one = backend.allocate(HIDDEN);
      one.write(0, ones);
      List<BlockWeights> weights = new ArrayList<>();
      for (int i = 0; i < layers.size(); i++) {
        int seen = layers.get(i).heads() * layers.get(i).headDim();
        AttentionWeights own =
            new AttentionWeights(
                layers.get(i),
                matrix(backend, projections.get(i), HIDDEN),
                matrix(backend, outputs.get(i), seen));
        weights.add(new BlockWeights(blocks.get(i).getFirst(), one, List.of(own)));
      }
      WeightMatrix table = matrix(backend, embedding, HIDDEN);
      ModelWeights all = new ModelWeights(table, weights, one, table);
      List<float[]> logits = run(new LoadedModel(spec, all, backend, 0));
      for (int t = 0; t < TOKENS; t++) {
        for (int v = 0; v < VOCAB; v++) {
          assertThat((double) logits.get(t)[v])
              .as("logit %d of token %d", v, t)
              .isCloseTo(expected[t][v], org.assertj.core.data.Offset.offset(1e-4));
        }
      }
    }
  }

  private static Attention attention(Rope rope) {
    return new Attention(4, 2, 8, rope, 0);
  }

  private static int tokenId(int position) {
    return position * 7 % VOCAB;
  }

  private static double[][] embedded(float[] table) {
    double[][] rows = new double[TOKENS][HIDDEN];
    for (int t = 0; t < TOKENS; t++) {
      for (int k = 0; k < HIDDEN; k++) {
        rows[t][k] = table[tokenId(t) * HIDDEN + k];
      }
    }
    return rows;
  }

  private float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  private static WeightMatrix matrix(Backend backend, float[] values, int columns) {
    Shape shape = Shape.of(values.length / columns, columns);
    Tensor tensor = new Tensor(DType.F32, shape, MemorySegment.ofArray(values));
    return backend.upload(List.of(tensor));
  }

  private static List<float[]> run(LoadedModel model) {
    CacheDemand demand = new CacheDemand(model.spec().cacheSpecs(), List.of(), 16, 1, TOKENS, 0, 0);
    CacheLayout layout = CachePlanner.plan(demand, CachePlanner.usableBytes(demand));
    ForwardPass pass = new ForwardPass(model, layout, TOKENS);
    FlatMemory memory = new FlatMemory(0, 0, demand.blocksFor(TOKENS));
    pass.begin();
    int row = pass.add(memory, 0, TOKENS, TOKENS, 0, 0);
    for (int t = 0; t < TOKENS; t++) {
      pass.setToken(row + t, tokenId(t));
      pass.want(row + t);
    }
    pass.execute();
    List<float[]> logits = new ArrayList<>();
    for (int t = 0; t < TOKENS; t++) {
      logits.add(pass.logits(t).clone());
    }
    return logits;
  }
}
