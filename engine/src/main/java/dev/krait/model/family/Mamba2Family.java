package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import java.util.List;
import java.util.Optional;

/// Pure Mamba-2 (arXiv 2405.21060), in the Transformers and in the original state-spaces format.
///
/// The gated norm runs over each group (`innerDim / n_groups` values), as in the training code;
/// `norm_before_gate` has no effect there.
public final class Mamba2Family implements ModelFamily {

  /// The family.
  public Mamba2Family() {}

  @Override
  public String accepted() {
    return "Mamba2ForCausalLM, or the state-spaces format with ssm_cfg.layer Mamba2";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture("Mamba2ForCausalLM")
        || (MambaFamily.isOriginal(folder) && MambaFamily.layerName(folder).equals("Mamba2"));
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    if (MambaFamily.isOriginal(folder)) {
      int hidden = config.positiveInt("d_model");
      CheckpointConfig arguments = config.object("ssm_cfg").orElse(config);
      folder.require(!arguments.flag("bias", false), arguments, "bias", "false");
      folder.require(arguments.flag("conv_bias", true), arguments, "conv_bias", "true");
      folder.require(arguments.flag("rmsnorm", true), arguments, "rmsnorm", "true");
      folder.require(
          !arguments.flag("norm_before_gate", false), arguments, "norm_before_gate", "false");
      requireFreeTimeStep(arguments, "dt_limit");
      int headDim = arguments.positiveInt("headdim", 64);
      int inner =
          folder.product(arguments, "expand * d_model", arguments.positiveInt("expand", 2), hidden);
      folder.require(
          inner % headDim == 0, arguments, "headdim", "a divisor of expand * d_model " + inner);
      Mamba2 mamba =
          mamba(
              folder,
              arguments,
              List.of("ngroups", "d_state", "d_conv"),
              inner / headDim,
              headDim,
              arguments.positiveInt("d_state", 128),
              arguments.positiveInt("ngroups", 1),
              arguments.positiveInt("d_conv", 4),
              1e-5f);
      return MambaFamily.original(
          folder, "Mamba2", tensors -> tensors.mamba2(mamba, MambaFamily.MIXER));
    }
    folder.require(!config.flag("use_bias", false), config, "use_bias", "false");
    folder.require(config.flag("use_conv_bias", true), config, "use_conv_bias", "true");
    folder.require(config.flag("rms_norm", true), config, "rms_norm", "true");
    requireFreeTimeStep(config, "time_step_limit");
    int heads = config.positiveInt("num_heads", 128);
    int headDim = config.positiveInt("head_dim", 64);
    int expand = config.positiveInt("expand", 2);
    int inner =
        folder.product(config, "expand * hidden_size", expand, config.positiveInt("hidden_size"));
    if (inner != (long) heads * headDim) {
      throw config.invalid(
          "num_heads * head_dim", heads + " * " + headDim, "expand * hidden_size " + inner);
    }
    Mamba2 mamba =
        mamba(
            folder,
            config,
            List.of("n_groups", "state_size", "conv_kernel"),
            heads,
            headDim,
            config.positiveInt("state_size", 128),
            config.positiveInt("n_groups", 8),
            config.positiveInt("conv_kernel", 4),
            folder.epsilon("layer_norm_epsilon", 1e-5));
    return MambaFamily.transformers(
        folder, "Mamba2", tensors -> tensors.mamba2(mamba, MambaFamily.MIXER));
  }

  /// Refuses a limit that would clamp time steps. These are softplus values, so that any lower
  /// bound up to 0 clamps nothing; no checkpoint of these families is known to have another.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming the limit
  static void requireFreeTimeStep(CheckpointConfig in, String key) {
    List<Double> limit = in.numbers(key);
    boolean free =
        limit.size() == 2 && limit.getFirst() <= 0 && limit.getLast() == Double.POSITIVE_INFINITY;
    if (in.has(key) && !free) {
      throw in.invalid(key, limit, "[0.0, Infinity], which is no clamp");
    }
  }

  /// A mixer with checked sizes.
  ///
  /// @param keys names of groups, state size and taps
  private static Mamba2 mamba(
      ModelFolder folder,
      CheckpointConfig in,
      List<String> keys,
      int heads,
      int headDim,
      int stateDim,
      int groups,
      int convWidth,
      float epsilon) {
    int inner = heads * headDim;
    folder.require(heads % groups == 0, in, keys.get(0), "a divisor of the " + heads + " heads");
    int shared = folder.product(in, keys.get(0) + " * " + keys.get(1), groups, stateDim);
    folder.product(in, "inner size * " + keys.get(1), inner, stateDim);
    folder.product(in, "convolved channels * " + keys.get(2), inner + 2 * shared, convWidth);
    return new Mamba2(heads, headDim, stateDim, heads, groups, groups, convWidth, groups, epsilon);
  }

  /// What Transformers takes for this family when the configuration does not say: no.
  @Override
  public boolean tied(ModelFolder folder) {
    return MambaFamily.isOriginal(folder)
        ? folder.config().flag("tie_embeddings", true)
        : folder.config().flag("tie_word_embeddings", false);
  }

  /// Weights of a Mamba-2 mixer, which all families name alike.
  static Mamba2Weights mixer(String prefix, int hidden, Mamba2 mamba, WeightSource source) {
    int channels = mamba.convChannels();
    float[] decay = source.values(prefix + "A_log", mamba.heads());
    for (int h = 0; h < decay.length; h++) {
      decay[h] = (float) -Math.exp(decay[h]);
    }
    return new Mamba2Weights(
        mamba,
        source.matrix(hidden, RowBlock.all(prefix + "in_proj.weight", mamba.projectionColumns())),
        source.vector(prefix + "conv1d.weight", channels, 1, mamba.convWidth()),
        source.vector(prefix + "conv1d.bias", channels),
        source.vector(prefix + "dt_bias", mamba.heads()),
        source.buffer(decay),
        source.vector(prefix + "D", mamba.heads()),
        mamba.normGroups() > 0
            ? Optional.of(source.vector(prefix + "norm.weight", mamba.innerDim()))
            : Optional.empty(),
        source.matrix(mamba.innerDim(), RowBlock.all(prefix + "out_proj.weight", hidden)));
  }
}
