package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer.Mamba2;

/// Llama whose attention layers were partly or wholly distilled into Mamba-2 layers (arXiv
/// 2408.15237).
///
/// x and B have the old key/value heads and are repeated after the convolution; C has one vector
/// per head; the gated norm runs over each head.
public final class Mamba2InLlamaFamily implements ModelFamily {

  /// The family.
  public Mamba2InLlamaFamily() {}

  static boolean hasMamba2Layers(ModelFolder folder) {
    return folder.hasTensorEnding(".mamba.dt_bias");
  }

  @Override
  public String accepted() {
    return "Llama or Mistral with mamba_config.json and Mamba-2 layers";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.mambaConfig().isPresent() && hasMamba2Layers(folder);
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig mambaConfig = folder.mambaConfig().orElseThrow();
    CheckpointConfig arguments = MambaInLlamaFamily.arguments(folder);
    int inner = MambaInLlamaFamily.innerDim(folder);
    int xDim = mambaConfig.positiveInt("d_xb");
    int groups = arguments.positiveInt("ngroups", 1);
    int stateDim = arguments.positiveInt("d_state", 128);
    if (inner != (long) groups * stateDim) {
      throw arguments.invalid(
          "ngroups * d_state", groups + " * " + stateDim, "a product of d_inner " + inner);
    }
    int convWidth = arguments.positiveInt("d_conv", 4);
    folder.product(arguments, "d_inner * d_state", inner, stateDim);
    folder.product(arguments, "(d_inner + 2 d_xb) * d_conv", 3 * inner, convWidth);
    folder.require(
        inner % xDim == 0 && xDim % stateDim == 0,
        mambaConfig,
        "d_xb",
        "a divisor of d_inner " + inner + " and a multiple of d_state " + stateDim);
    folder.require(
        !arguments.flag("repeat_kv_before_conv", false),
        arguments,
        "repeat_kv_before_conv",
        "false");
    folder.require(arguments.flag("conv_bias", true), arguments, "conv_bias", "true");
    folder.require(!arguments.flag("bias", false), arguments, "bias", "false");
    folder.require(arguments.flag("rmsnorm", true), arguments, "rmsnorm", "true");
    folder.require(
        !arguments.flag("norm_before_gate", false), arguments, "norm_before_gate", "false");
    Mamba2Family.requireFreeTimeStep(arguments, "dt_limit");
    Mamba2 mamba =
        new Mamba2(
            groups,
            stateDim,
            stateDim,
            xDim / stateDim,
            xDim / stateDim,
            groups,
            convWidth,
            groups,
            1e-5f);
    return MambaInLlamaFamily.plan(
        folder, "Mamba2InLlama", tensors -> tensors.mamba2(mamba, "mamba."));
  }
}
