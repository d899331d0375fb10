package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.tensor.WeightMatrix;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/// Llama and Mistral whose attention layers were partly distilled into Mamba-1 layers (arXiv
/// 2408.15237).
///
/// Keys and values became B and x, queries became C; groups of `d_state` channels share B and C, x
/// is repeated before the convolution, and the step size's bias is added twice. Two generations of
/// tensor names exist: separate projections with `self_attn`, and one fused `mamba.in_proj` with
/// `mha`; models of the second were trained without rope scaling.
public final class MambaInLlamaFamily implements ModelFamily {

  /// The family.
  public MambaInLlamaFamily() {}

  @Override
  public String accepted() {
    return "Llama or Mistral with mamba_config.json and Mamba-1 layers";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.mambaConfig().isPresent() && !Mamba2InLlamaFamily.hasMamba2Layers(folder);
  }

  /// Layers by mamba_config.json's list: attention where it names them, the given mixer elsewhere.
  static ModelPlan plan(
      ModelFolder folder, String architecture, Function<LayerTensors, Part> mamba) {
    CheckpointConfig mambaConfig = folder.mambaConfig().orElseThrow();
    requireAgreement(folder);
    int depth = folder.depth("num_hidden_layers");
    List<Integer> attentionLayers = mambaConfig.ints("attn_layers");
    folder.require(
        attentionLayers.stream().allMatch(i -> i >= 0 && i < depth),
        mambaConfig,
        "attn_layers",
        "indices below " + depth);
    boolean fused = folder.hasTensorContaining(".mha.in_proj");
    Attention attention = LlamaLayers.attention(folder, !fused);
    return LlamaLayers.plan(
        folder,
        architecture,
        (tensors, layer) ->
            !attentionLayers.contains(layer)
                ? mamba.apply(tensors)
                : fused ? fusedAttention(tensors, attention) : tensors.attention(attention));
  }

  private static Part fusedAttention(LayerTensors tensors, Attention mixer) {
    int hidden = tensors.hidden();
    return new Part(
        mixer,
        1,
        source ->
            AttentionWeights.of(
                mixer,
                tensors.matrix(source, "mha.in_proj", mixer.projectionColumns(), hidden),
                tensors.matrix(source, "mha.out_proj", hidden, mixer.queryColumns())));
  }

  /// Refuses a mamba_config.json that says something else than config.json about the same thing.
  private static void requireAgreement(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    CheckpointConfig mamba = folder.mambaConfig().orElseThrow();
    requireSame(folder, mamba, "d_model", "hidden_size");
    requireSame(folder, mamba, "n_layer", "num_hidden_layers");
    requireSame(folder, mamba, "intermediate_size", "intermediate_size");
    requireSame(folder, mamba, "vocab_size", "vocab_size");
    float epsilon = LlamaLayers.epsilon(folder);
    folder.require(
        (float) mamba.number("rms_norm_eps", epsilon) == epsilon,
        mamba,
        "rms_norm_eps",
        "rms_norm_eps " + epsilon + " of " + config.file());
    String activation = config.optionalText("hidden_act").orElse("silu");
    folder.require(
        mamba.optionalText("hidden_act").orElse(activation).equals(activation),
        mamba,
        "hidden_act",
        "hidden_act " + activation + " of " + config.file());
  }

  private static void requireSame(
      ModelFolder folder, CheckpointConfig mamba, String key, String same) {
    int size = folder.config().positiveInt(same);
    folder.require(
        mamba.positiveInt(key, size) == size,
        mamba,
        key,
        same + " " + size + " of " + folder.config().file());
  }

  /// The mixer's keyword arguments in mamba_config.json.
  static CheckpointConfig arguments(ModelFolder folder) {
    CheckpointConfig mambaConfig = folder.mambaConfig().orElseThrow();
    return mambaConfig.object("ssm_cfg").orElse(mambaConfig);
  }

  /// `d_inner`, or `expand * d_model` where it is absent or null.
  static int innerDim(ModelFolder folder) {
    CheckpointConfig mambaConfig = folder.mambaConfig().orElseThrow();
    return mambaConfig
        .optionalPositiveInt("d_inner")
        .orElseGet(() ->
            folder.product(
                arguments(folder),
                "expand * d_model",
                arguments(folder).positiveInt("expand", 2),
                mambaConfig.positiveInt("d_model")));
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig mambaConfig = folder.mambaConfig().orElseThrow();
    CheckpointConfig arguments = arguments(folder);
    int inner = innerDim(folder);
    int xDim = mambaConfig.positiveInt("d_xb");
    int stateDim = arguments.positiveInt("d_state", 16);
    folder.require(
        arguments.flag("repeat_kv_before_conv", true), arguments, "repeat_kv_before_conv", "true");
    folder.require(arguments.flag("conv_bias", true), arguments, "conv_bias", "true");
    folder.require(!arguments.flag("bias", false), arguments, "bias", "false");
    folder.require(
        inner % xDim == 0 && xDim % stateDim == 0,
        mambaConfig,
        "d_xb",
        "a divisor of d_inner " + inner + " and a multiple of d_state " + stateDim);
    int convWidth = arguments.positiveInt("d_conv", 4);
    folder.product(arguments, "d_inner * d_state", inner, stateDim);
    folder.product(arguments, "d_inner * d_conv", inner, convWidth);
    Mamba1 mamba =
        new Mamba1(
            inner,
            xDim,
            stateDim,
            convWidth,
            MambaFamily.timeStepRank(arguments, "dt_rank", mambaConfig.positiveInt("d_model")),
            xDim / stateDim,
            inner / stateDim,
            false);
    return plan(
        folder,
        "MambaInLlama",
        tensors -> new Part(mamba, 1, source -> mamba(tensors, mamba, source)));
  }

  private static Mamba1Weights mamba(LayerTensors tensors, Mamba1 mamba, WeightSource source) {
    String prefix = tensors.prefix() + "mamba.";
    int hidden = tensors.hidden();
    int inner = mamba.innerDim();
    return new Mamba1Weights(
        mamba,
        projection(prefix, hidden, mamba, source),
        source.vector(prefix + "conv1d.weight", inner, 1, mamba.convWidth()),
        source.vector(prefix + "conv1d.bias", inner),
        Optional.empty(),
        source.matrix(mamba.timeStepRank(), RowBlock.all(prefix + "dt_proj.weight", inner)),
        source.buffer(twice(source.values(prefix + "dt_proj.bias", inner))),
        source.buffer(MambaFamily.decay(source, prefix + "A_log", inner, mamba.stateDim())),
        source.vector(prefix + "D", inner),
        source.matrix(inner, RowBlock.all(prefix + "out_proj.weight", hidden)));
  }

  private static WeightMatrix projection(
      String prefix, int hidden, Mamba1 mamba, WeightSource source) {
    if (source.has(prefix + "in_proj.weight")) {
      return source.matrix(
          hidden, RowBlock.all(prefix + "in_proj.weight", mamba.projectionColumns()));
    }
    return source.matrix(
        hidden,
        RowBlock.all(prefix + "in_proj_z.weight", mamba.innerDim()),
        RowBlock.all(prefix + "in_proj_x.weight", mamba.xDim()),
        RowBlock.all(prefix + "B_proj.weight", mamba.bGroups() * mamba.stateDim()),
        RowBlock.all(prefix + "C_proj.weight", mamba.cGroups() * mamba.stateDim()),
        RowBlock.all(prefix + "dt_proj_down.weight", mamba.timeStepRank()));
  }

  private static float[] twice(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= 2;
    }
    return values;
  }
}
