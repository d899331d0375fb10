package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.model.Norm;
import dev.krait.model.ResidualBlock;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/// Pure Mamba (arXiv 2312.00752), in the Transformers and in the original state-spaces format.
public final class MambaFamily implements ModelFamily {
  /// A recurrent model has no longest sequence of its own; this bounds one request.
  static final int MAX_TOKENS = 1 << 17;

  /// The family.
  public MambaFamily() {}

  @Override
  public String accepted() {
    return "MambaForCausalLM, or the state-spaces format with ssm_cfg";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture("MambaForCausalLM")
        || (isOriginal(folder) && !layerName(folder).equals("Mamba2"));
  }

  /// True for the state-spaces format.
  static boolean isOriginal(ModelFolder folder) {
    return folder.architectures().isEmpty()
        && folder.config().has("d_model")
        && folder.config().has("n_layer");
  }

  /// `ssm_cfg.layer` of the state-spaces format.
  static String layerName(ModelFolder folder) {
    return folder
        .config()
        .object("ssm_cfg")
        .flatMap(arguments -> arguments.optionalText("layer"))
        .orElse("Mamba1");
  }

  /// `dt_rank` as a number, or `ceil(hidden / 16)` where it is absent or "auto".
  static int timeStepRank(CheckpointConfig config, String key, int hidden) {
    if (config.has(key) && !config.isText(key)) {
      return config.positiveInt(key);
    }
    if (!config.optionalText(key).orElse("auto").equals("auto")) {
      throw config.refusal(key, "a number or auto");
    }
    return (hidden + 15) / 16;
  }

  /// `A = -exp(A_log)`, transposed to `[stateDim, innerDim]`.
  static float[] decay(WeightSource source, String name, int inner, int stateDim) {
    float[] log = source.values(name, inner, stateDim);
    float[] decay = new float[log.length];
    for (int c = 0; c < inner; c++) {
      for (int n = 0; n < stateDim; n++) {
        decay[n * inner + c] = (float) -Math.exp(log[c * stateDim + n]);
      }
    }
    return decay;
  }

  @Override
  public ModelSpec describe(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    if (isOriginal(folder)) {
      int hidden = config.positiveInt("d_model");
      CheckpointConfig arguments = config.object("ssm_cfg").orElse(config);
      folder.require(!arguments.flag("bias", false), arguments, "bias", "false");
      folder.require(arguments.flag("conv_bias", true), arguments, "conv_bias", "true");
      folder.require(layerName(folder).equals("Mamba1"), arguments, "layer", "Mamba1 or Mamba2");
      Mamba1 mamba =
          mamba(
              folder,
              arguments,
              List.of("d_state", "d_conv"),
              folder.product(
                  arguments, "expand * d_model", arguments.positiveInt("expand", 2), hidden),
              arguments.positiveInt("d_state", 16),
              arguments.positiveInt("d_conv", 4),
              timeStepRank(arguments, "dt_rank", hidden));
      return describeOriginal(folder, "Mamba", mamba);
    }
    return describeTransformers(folder, "Mamba", transformersMixer(folder));
  }

  /// The mixer as Transformers names its sizes.
  static Mamba1 transformersMixer(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    int hidden = config.positiveInt("hidden_size");
    folder.require(!config.flag("use_bias", false), config, "use_bias", "false");
    folder.require(config.flag("use_conv_bias", true), config, "use_conv_bias", "true");
    return mamba(
        folder,
        config,
        List.of("state_size", "conv_kernel"),
        config
            .optionalPositiveInt("intermediate_size")
            .orElseGet(() ->
                folder.product(
                    config, "expand * hidden_size", config.positiveInt("expand", 2), hidden)),
        config.positiveInt("state_size", 16),
        config.positiveInt("conv_kernel", 4),
        timeStepRank(config, "time_step_rank", hidden));
  }

  /// A mixer with checked sizes.
  ///
  /// @param keys names of state size and taps
  private static Mamba1 mamba(
      ModelFolder folder,
      CheckpointConfig in,
      List<String> keys,
      int inner,
      int stateDim,
      int convWidth,
      int rank) {
    folder.product(in, "inner size * " + keys.get(0), inner, stateDim);
    folder.product(in, "inner size * " + keys.get(1), inner, convWidth);
    return new Mamba1(inner, inner, stateDim, convWidth, rank, 1, 1, true);
  }

  /// The shell of the state-spaces format: norm, mixer and nothing else in a layer; a padded
  /// vocabulary.
  static ModelSpec describeOriginal(ModelFolder folder, String architecture, Mixer mixer) {
    CheckpointConfig config = folder.config();
    folder.require(config.flag("rms_norm", true), config, "rms_norm", "true");
    folder.require(config.number("d_intermediate", 0) == 0, config, "d_intermediate", "0");
    folder.require(config.ints("attn_layer_idx").isEmpty(), config, "attn_layer_idx", "[]");
    Norm norm = new Norm(config.positiveInt("d_model"), 1e-5f);
    int vocab = config.positiveInt("vocab_size");
    return new ModelSpec(
        architecture,
        norm.width(),
        vocab,
        paddedRows(folder, vocab),
        Collections.nCopies(folder.depth("n_layer"), List.of(ResidualBlock.of(norm, mixer))),
        norm,
        MAX_TOKENS);
  }

  /// Rows of the embedding: the vocabulary, padded to a multiple.
  private static int paddedRows(ModelFolder folder, int vocab) {
    int multiple = folder.config().positiveInt("pad_vocab_size_multiple", 8);
    int padded = Math.ceilDiv(vocab, multiple) * multiple;
    Shape stored = folder.checkpoint().require("backbone.embedding.weight").shape();
    folder.require(
        stored.rank() == 2 && stored.dim(0) == padded,
        folder.config(),
        "vocab_size",
        "padded to a multiple of %d the rows of backbone.embedding.weight %s"
            .formatted(multiple, stored));
    return padded;
  }

  /// The same shell in the Transformers format.
  static ModelSpec describeTransformers(ModelFolder folder, String architecture, Mixer mixer) {
    CheckpointConfig config = folder.config();
    LlamaLayers.requireSilu(folder);
    int hidden = config.positiveInt("hidden_size");
    int vocab = config.positiveInt("vocab_size");
    Norm norm = new Norm(hidden, folder.epsilon("layer_norm_epsilon", 1e-5));
    return new ModelSpec(
        architecture,
        hidden,
        vocab,
        vocab,
        Collections.nCopies(
            folder.depth("num_hidden_layers"), List.of(ResidualBlock.of(norm, mixer))),
        norm,
        MAX_TOKENS);
  }

  /// All weights of a pure model.
  ///
  /// @param tied whether the embedding is the head where none is stored
  /// @param mixers weights of a mixer, by its tensors' prefix
  static ModelWeights weights(
      ModelSpec spec, boolean tied, WeightSource source, LlamaLayers.MixerReader mixers) {
    int hidden = spec.hiddenDim();
    String embeddingName =
        source.has("backbone.embedding.weight")
            ? "backbone.embedding.weight"
            : "backbone.embeddings.weight";
    var embedding = source.matrix(hidden, RowBlock.all(embeddingName, spec.headRows()));
    List<BlockWeights> blocks = new ArrayList<>();
    for (int i = 0; i < spec.layers().size(); i++) {
      String layer = "backbone.layers." + i + ".";
      for (ResidualBlock block : spec.layers().get(i)) {
        blocks.add(
            new BlockWeights(
                block,
                source.vector(layer + "norm.weight", hidden),
                block.mixers().stream()
                    .map(scaled -> mixers.read(layer + "mixer.", scaled.mixer()))
                    .toList()));
      }
    }
    var head =
        tied && !source.has(LlamaLayers.HEAD)
            ? embedding
            : source.head(LlamaLayers.HEAD, spec.headRows(), hidden, embeddingName, embedding);
    return new ModelWeights(
        embedding, blocks, source.vector("backbone.norm_f.weight", hidden), head);
  }

  @Override
  public ModelWeights weights(ModelSpec spec, ModelFolder folder, WeightSource source) {
    boolean tied =
        folder.config().flag(isOriginal(folder) ? "tie_embeddings" : "tie_word_embeddings", true);
    return weights(
        spec,
        tied,
        source,
        (prefix, mixer) -> mixer(prefix, spec.hiddenDim(), mixer, List.of(), source));
  }

  /// Weights of a Mamba-1 mixer of the original form, which all families name alike.
  ///
  /// @param innerNorms names of the norms of low-rank step size, B and C; none where the mixer has
  ///   no such norms or their weights are 1
  static Mamba1Weights mixer(
      String prefix, int hidden, Mixer mixer, List<String> innerNorms, WeightSource source) {
    if (!(mixer instanceof Mamba1 mamba)) {
      throw new IllegalArgumentException("mixer: " + mixer + " (expected: Mamba1)");
    }
    int inner = mamba.innerDim();
    String projection = prefix + "in_proj.weight";
    return new Mamba1Weights(
        mamba,
        source.matrix(
            hidden,
            new RowBlock(projection, inner, inner, 2 * inner),
            new RowBlock(projection, 0, inner, 2 * inner)),
        source.vector(prefix + "conv1d.weight", inner, 1, mamba.convWidth()),
        source.vector(prefix + "conv1d.bias", inner),
        Optional.of(
            source.matrix(inner, RowBlock.all(prefix + "x_proj.weight", mamba.selectionColumns()))),
        source.matrix(mamba.timeStepRank(), RowBlock.all(prefix + "dt_proj.weight", inner)),
        source.vector(prefix + "dt_proj.bias", inner),
        source.buffer(decay(source, prefix + "A_log", inner, mamba.stateDim())),
        source.vector(prefix + "D", inner),
        mamba.innerNormEpsilon() > 0 ? innerNorms(prefix, mamba, innerNorms, source) : List.of(),
        source.matrix(inner, RowBlock.all(prefix + "out_proj.weight", hidden)));
  }

  private static List<Buffer> innerNorms(
      String prefix, Mamba1 mamba, List<String> names, WeightSource source) {
    int[] widths = {mamba.timeStepRank(), mamba.stateDim(), mamba.stateDim()};
    List<Buffer> norms = new ArrayList<>();
    for (int i = 0; i < widths.length; i++) {
      float[] ones = new float[widths[i]];
      Arrays.fill(ones, 1);
      norms.add(
          names.isEmpty()
              ? source.buffer(ones)
              : source.vector(prefix + names.get(i) + ".weight", widths[i]));
    }
    return norms;
  }
}
