package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelSpec;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.List;

/// Falcon-H1: Mamba-2 and attention side by side on the same normed input, then a gated
/// feed-forward; multipliers everywhere.
///
/// Those of attention's input and of the keys are in the scale of the scores and of the output:
/// rotating and summing up is linear.
public final class FalconH1Family implements ModelFamily {

  /// The family.
  public FalconH1Family() {}

  @Override
  public String accepted() {
    return "FalconH1ForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public ModelSpec describe(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    return plan(folder)
        .spec(factor(config, "embedding_multiplier"), factor(config, "lm_head_multiplier"));
  }

  private static double factor(CheckpointConfig config, String key) {
    return config.number(key, 1, Double::isFinite, "a finite number");
  }

  /// Factors of a list of a known length; ones where there is none.
  private static List<Float> factors(ModelFolder folder, String key, int count) {
    CheckpointConfig config = folder.config();
    List<Double> values =
        config.has(key) ? config.numbers(key) : java.util.Collections.nCopies(count, 1.0);
    folder.require(
        values.size() == count && values.stream().allMatch(Double::isFinite),
        config,
        key,
        count + " finite numbers");
    return values.stream().map(Double::floatValue).toList();
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    for (String key : List.of("mamba_proj_bias", "projectors_bias", "mamba_norm_before_gate")) {
      folder.require(!config.flag(key, false), config, key, "false");
    }
    folder.require(config.flag("mamba_conv_bias", true), config, "mamba_conv_bias", "true");
    float epsilon = LlamaLayers.epsilon(folder);
    int hidden = config.positiveInt("hidden_size");
    double in = factor(config, "attention_in_multiplier");
    Attention rotated = LlamaLayers.attention(folder, true);
    Attention attention =
        rotated.withScale(rotated.scale() * in * in * factor(config, "key_multiplier"));
    float out = (float) (in * factor(config, "attention_out_multiplier"));
    List<Float> mlpFactors = factors(folder, "mlp_multipliers", 2);
    GatedMlp mlp =
        new GatedMlp(
            LlamaLayers.mlp(folder).intermediateDim(), Activation.SILU, mlpFactors.getFirst());
    Mamba2 mamba = mamba(folder, epsilon);
    ModelPlan plan =
        new ModelPlan(folder, Shell.of("Falcon-H1", "model.final_layernorm.weight", epsilon));
    for (int i = 0; i < folder.depth("num_hidden_layers"); i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      plan.layer();
      plan.block(
          tensors.prefix() + "input_layernorm.weight",
          tensors.mamba2(mamba, "mamba.").times((float) factor(config, "ssm_out_multiplier")),
          tensors.attention(attention).times(out));
      plan.block(
          tensors.prefix() + "pre_ff_layernorm.weight",
          tensors.gatedMlp(mlp, "feed_forward.").times(mlpFactors.getLast()));
    }
    return plan;
  }

  private static Mamba2 mamba(ModelFolder folder, float epsilon) {
    CheckpointConfig config = folder.config();
    float in = (float) factor(config, "ssm_in_multiplier");
    List<Float> segments =
        factors(folder, "ssm_multipliers", 5).stream().map(each -> each * in).toList();
    boolean normed = config.flag("mamba_rms_norm", false);
    int groups = normed ? config.positiveInt("mamba_n_groups", 1) : 0;
    Mamba2 mamba = Mamba2Keys.BAMBA.read(folder, epsilon, groups, segments);
    if (config.has("mamba_d_ssm")) {
      folder.require(
          config.positiveInt("mamba_d_ssm") == mamba.innerDim(),
          config,
          "mamba_d_ssm",
          "mamba_n_heads * mamba_d_head " + mamba.innerDim());
    }
    return mamba;
  }
}
