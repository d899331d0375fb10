package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.loading.LoadedModel;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.model.Norm;
import dev.krait.model.ResidualBlock;
import dev.krait.model.ResidualBlock.ScaledMixer;
import dev.krait.runner.PlainMixer.PlainGatedMlp;
import dev.krait.runner.PlainMixer.PlainMlp;
import dev.krait.tensor.WeightMatrix;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// A small model with seeded weights that is both computed plainly, in double precision, and loaded
/// on a backend. Its blocks have attention and feed-forward mixers.
final class PlainModel {
  static final int VOCAB = 19;
  private static final int HIDDEN = 12;
  private static final float EPSILON = 1e-5f;
  private static final Norm NORM = new Norm(HIDDEN, EPSILON);

  private final SplittableRandom random = new SplittableRandom(3);
  private final FloatBuffer embedding = values(VOCAB * HIDDEN);
  private final FloatBuffer finalNorm = values(HIDDEN);
  private final List<Block> blocks = new ArrayList<>();

  private record Block(ResidualBlock block, FloatBuffer norm, List<PlainMixer> mixers) {}

  /// One residual block for each list of mixers.
  PlainModel(List<List<ScaledMixer>> blocks) {
    for (List<ScaledMixer> mixers : blocks) {
      this.blocks.add(
          new Block(
              new ResidualBlock(NORM, mixers),
              values(HIDDEN),
              mixers.stream().map(scaled -> plain(scaled.mixer())).toList()));
    }
  }

  private PlainMixer plain(Mixer mixer) {
    if (mixer instanceof Attention attention) {
      int columns = attention.projectionColumns();
      return new PlainAttention(
          attention,
          values(columns * HIDDEN),
          values(columns),
          values(attention.headDim()),
          values(attention.headDim()),
          values(HIDDEN * attention.queryColumns()),
          values(HIDDEN));
    }
    if (mixer instanceof GatedMlp mlp) {
      int inner = mlp.intermediateDim();
      return new PlainGatedMlp(mlp, values(2 * inner * HIDDEN), values(inner * HIDDEN));
    }
    Mlp mlp = (Mlp) mixer;
    int inner = mlp.intermediateDim();
    return new PlainMlp(mlp, values(inner * HIDDEN), values(inner * HIDDEN));
  }

  private FloatBuffer values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return FloatBuffer.wrap(values);
  }

  /// Logits of every token `[tokens][VOCAB]`.
  double[][] logits(int[] ids) {
    double[][] residual = new double[ids.length][HIDDEN];
    for (int t = 0; t < ids.length; t++) {
      for (int k = 0; k < HIDDEN; k++) {
        residual[t][k] = embedding.get(ids[t] * HIDDEN + k);
      }
    }
    for (Block block : blocks) {
      double[][] normed = normed(residual, block.norm());
      for (int m = 0; m < block.mixers().size(); m++) {
        double[][] more = block.mixers().get(m).compute(normed);
        for (int t = 0; t < ids.length; t++) {
          for (int k = 0; k < HIDDEN; k++) {
            residual[t][k] += block.block().mixers().get(m).scale() * more[t][k];
          }
        }
      }
    }
    return PlainMixer.multiply(normed(residual, finalNorm), embedding, VOCAB);
  }

  private static double[][] normed(double[][] x, FloatBuffer weight) {
    double[][] normed = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      normed[t] = x[t].clone();
      PlainMixer.norm(normed[t], 0, HIDDEN, weight, EPSILON);
    }
    return normed;
  }

  /// The same model on a backend, for sequences of up to `maxTokens` tokens.
  LoadedModel load(Backend backend, int maxTokens) {
    List<List<ResidualBlock>> layers = blocks.stream().map(b -> List.of(b.block())).toList();
    List<BlockWeights> weights = new ArrayList<>();
    for (Block block : blocks) {
      weights.add(
          new BlockWeights(
              block.block(),
              PlainMixer.buffer(backend, block.norm()),
              block.mixers().stream().map(mixer -> mixer.load(backend)).toList()));
    }
    WeightMatrix table = PlainMixer.matrix(backend, embedding, HIDDEN);
    return new LoadedModel(
        new ModelSpec("Plain", HIDDEN, VOCAB, VOCAB, layers, NORM, maxTokens),
        new ModelWeights(table, weights, PlainMixer.buffer(backend, finalNorm), table),
        backend,
        0);
  }
}
