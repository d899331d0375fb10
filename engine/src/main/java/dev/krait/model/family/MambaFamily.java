package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import dev.krait.model.family.ModelPlan.Sizes;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/// Pure Mamba (arXiv 2312.00752), in the Transformers and in the original state-spaces format.
public final class MambaFamily implements ModelFamily {
  /// A recurrent model has no longest sequence of its own; this bounds one request.
  static final int MAX_TOKENS = 1 << 17;

  /// The mixer of a layer.
  static final String MIXER = "mixer.";

  private static final String EMBEDDING = "backbone.embedding.weight";

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
  public boolean tied(ModelFolder folder) {
    return folder
        .config()
        .flag(isOriginal(folder) ? "tie_embeddings" : "tie_word_embeddings", true);
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
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
      return original(folder, "Mamba", tensors -> tensors.mamba1(mamba, MIXER, List.of()));
    }
    Mamba1 mamba = transformersMixer(folder);
    return transformers(folder, "Mamba", tensors -> tensors.mamba1(mamba, MIXER, List.of()));
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
  static ModelPlan original(
      ModelFolder folder, String architecture, Function<LayerTensors, Part> mixer) {
    CheckpointConfig config = folder.config();
    folder.require(config.flag("rms_norm", true), config, "rms_norm", "true");
    folder.require(config.number("d_intermediate", 0) == 0, config, "d_intermediate", "0");
    folder.require(config.ints("attn_layer_idx").isEmpty(), config, "attn_layer_idx", "[]");
    int vocab = config.positiveInt("vocab_size");
    Sizes sizes =
        new Sizes(config.positiveInt("d_model"), vocab, paddedRows(folder, vocab), MAX_TOKENS);
    return plan(shell(architecture, EMBEDDING, 1e-5f), sizes, folder.depth("n_layer"), mixer);
  }

  /// Rows of the embedding: the vocabulary, padded to a multiple.
  private static int paddedRows(ModelFolder folder, int vocab) {
    int multiple = folder.config().positiveInt("pad_vocab_size_multiple", 8);
    int padded = Math.ceilDiv(vocab, multiple) * multiple;
    Shape stored = folder.checkpoint().require(EMBEDDING).shape();
    folder.require(
        stored.rank() == 2 && stored.dim(0) == padded,
        folder.config(),
        "vocab_size",
        "padded to a multiple of %d the rows of %s %s".formatted(multiple, EMBEDDING, stored));
    return padded;
  }

  /// The same shell in the Transformers format.
  static ModelPlan transformers(
      ModelFolder folder, String architecture, Function<LayerTensors, Part> mixer) {
    LlamaLayers.requireSilu(folder);
    String embedding =
        folder.checkpoint().names().contains(EMBEDDING) ? EMBEDDING : "backbone.embeddings.weight";
    Shell shell = shell(architecture, embedding, folder.epsilon("layer_norm_epsilon", 1e-5));
    Sizes sizes = Sizes.of(folder, MAX_TOKENS);
    return plan(shell, sizes, folder.depth("num_hidden_layers"), mixer);
  }

  private static Shell shell(String architecture, String embedding, float epsilon) {
    return new Shell(
        architecture, embedding, "backbone.norm_f.weight", LlamaLayers.HEAD, epsilon, false);
  }

  private static ModelPlan plan(
      Shell shell, Sizes sizes, int depth, Function<LayerTensors, Part> mixer) {
    ModelPlan plan = new ModelPlan(shell, sizes);
    for (int i = 0; i < depth; i++) {
      LayerTensors tensors = new LayerTensors("backbone.layers." + i + ".", sizes.hidden(), false);
      plan.layer();
      plan.block(tensors.prefix() + "norm.weight", mixer.apply(tensors));
    }
    return plan;
  }

  /// Weights of a Mamba-1 mixer of the original form, which all families name alike.
  ///
  /// @param innerNorms names of the norms of low-rank step size, B and C; none where the mixer has
  ///   no such norms or their weights are 1
  static Mamba1Weights mixer(
      String prefix, int hidden, Mamba1 mamba, List<String> innerNorms, WeightSource source) {
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
