package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer;
import dev.krait.model.MixerWeights;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.model.ModelWeights.SideWeights;
import dev.krait.model.Norm;
import dev.krait.model.ResidualBlock;
import dev.krait.model.ResidualBlock.ScaledMixer;
import dev.krait.model.SidePath;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/// A model in the making: its layers in order, each mixer with where its weights lie, so that what
/// is described and what is read cannot differ.
public final class ModelPlan {
  private final Shell shell;
  private final Sizes sizes;
  private final List<List<ResidualBlock>> layers = new ArrayList<>();
  private final List<Function<WeightSource, BlockWeights>> readers = new ArrayList<>();

  /// What a family has around its layers.
  ///
  /// @param architecture name for people
  /// @param embedding tensor of the token embeddings
  /// @param finalNorm tensor of the last norm
  /// @param head tensor of the output head
  /// @param epsilon of all norms of the residual stream
  /// @param zeroCentred whether the weights of norms are stored less 1
  record Shell(
      String architecture,
      String embedding,
      String finalNorm,
      String head,
      float epsilon,
      boolean zeroCentred) {

    /// The usual names, `model.embed_tokens` and so on.
    static Shell of(String architecture, String finalNorm, float epsilon) {
      return new Shell(
          architecture, LlamaLayers.EMBEDDING, finalNorm, LlamaLayers.HEAD, epsilon, false);
    }
  }

  /// Sizes of a model.
  ///
  /// @param hidden width of the residual stream
  /// @param vocab token ids
  /// @param headRows rows of embedding and head: the vocabulary, and what it is padded with
  /// @param maxTokens of a sequence
  record Sizes(int hidden, int vocab, int headRows, int maxTokens) {
    /// Those of most configurations, in which a recurrent model need not name a longest sequence.
    static Sizes of(ModelFolder folder) {
      CheckpointConfig config = folder.config();
      String length =
          config.has("model_max_length") ? "model_max_length" : "max_position_embeddings";
      return of(folder, config.positiveInt(length, MambaFamily.MAX_TOKENS));
    }

    static Sizes of(ModelFolder folder, int maxTokens) {
      int vocab = folder.config().positiveInt("vocab_size");
      return new Sizes(folder.config().positiveInt("hidden_size"), vocab, vocab, maxTokens);
    }
  }

  /// A mixer, what its output is multiplied with, and how its weights are read.
  record Part(Mixer mixer, float scale, Function<WeightSource, MixerWeights> reader) {
    /// The same with a factor.
    Part times(float factor) {
      return new Part(mixer, scale * factor, reader);
    }
  }

  /// A side path and how its weights are read.
  record SidePart(SidePath path, Function<WeightSource, SideWeights> reader) {}

  /// No layer yet, of the sizes of most configurations.
  ///
  /// @param folder whose configuration is that of the language model
  ModelPlan(ModelFolder folder, Shell shell) {
    this(shell, Sizes.of(folder));
  }

  /// No layer yet.
  ModelPlan(Shell shell, Sizes sizes) {
    this.shell = shell;
    this.sizes = sizes;
  }

  /// Starts a layer.
  void layer() {
    layers.add(new ArrayList<>());
  }

  /// Adds a block to the last layer.
  ///
  /// @param norm tensor of the weight of the norm of its input
  void block(String norm, Part... parts) {
    add(norm, false, Optional.empty(), parts);
  }

  /// Adds a block whose output is normed instead of its input.
  void blockNormedAfter(String norm, Part... parts) {
    add(norm, true, Optional.empty(), parts);
  }

  /// Adds a block with a side path.
  void blockWithSide(String norm, SidePart side, Part... parts) {
    add(norm, false, Optional.of(side), parts);
  }

  private void add(String norm, boolean after, Optional<SidePart> side, Part... parts) {
    List<ScaledMixer> mixers =
        Arrays.stream(parts).map(part -> new ScaledMixer(part.mixer(), part.scale())).toList();
    ResidualBlock block =
        new ResidualBlock(
            new Norm(sizes.hidden(), shell.epsilon()), mixers, after, side.map(SidePart::path));
    layers.getLast().add(block);
    readers.add(source ->
        new BlockWeights(
            block,
            source.buffer(norm(source, norm)),
            Arrays.stream(parts).map(part -> part.reader().apply(source)).toList(),
            side.map(own -> own.reader().apply(source))));
  }

  private float[] norm(WeightSource source, String name) {
    return norm(source, name, sizes.hidden(), shell.zeroCentred());
  }

  /// The weight of a norm.
  ///
  /// @param zeroCentred whether it is stored less 1
  static float[] norm(WeightSource source, String name, int width, boolean zeroCentred) {
    float[] weight = source.values(name, width);
    for (int i = 0; zeroCentred && i < width; i++) {
      weight[i] += 1;
    }
    return weight;
  }

  /// The model without multipliers.
  ModelSpec spec() {
    return spec(1, 1);
  }

  /// The model.
  ModelSpec spec(double embeddingScale, double logitScale) {
    return new ModelSpec(
        shell.architecture(),
        sizes.hidden(),
        sizes.vocab(),
        sizes.headRows(),
        layers,
        new Norm(sizes.hidden(), shell.epsilon()),
        sizes.maxTokens(),
        (float) embeddingScale,
        (float) logitScale);
  }

  /// Its weights.
  ///
  /// @param tied whether the embedding is the head where none is stored
  ModelWeights weights(WeightSource source, boolean tied) {
    int hidden = sizes.hidden();
    int rows = sizes.headRows();
    var embedding = source.matrix(hidden, RowBlock.all(shell.embedding(), rows));
    List<BlockWeights> blocks = readers.stream().map(reader -> reader.apply(source)).toList();
    var head =
        tied && !source.has(shell.head())
            ? embedding
            : source.head(shell.head(), rows, hidden, shell.embedding(), embedding);
    return new ModelWeights(
        embedding, blocks, source.buffer(norm(source, shell.finalNorm())), head);
  }
}
