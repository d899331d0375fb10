package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.List;

/// Jamba: Mamba-1 with inner norms and, once in a period of layers, attention without positions,
/// each followed by a feed-forward, which has experts in every so many layers.
public final class JambaFamily implements ModelFamily {
  private static final List<String> INNER_NORMS =
      List.of("dt_layernorm", "b_layernorm", "c_layernorm");

  /// The family.
  public JambaFamily() {}

  @Override
  public String accepted() {
    return "JambaForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.has("sliding_window"), config, "sliding_window", "null");
    float epsilon = LlamaLayers.epsilon(folder);
    int hidden = config.positiveInt("hidden_size");
    int depth = folder.depth("num_hidden_layers");
    Attention attention = LlamaLayers.plainAttention(folder);
    Mamba1 mamba = mamba(folder, hidden, epsilon);
    GatedMlp mlp = LlamaLayers.mlp(folder);
    boolean routes = config.positiveInt("num_experts", 16) > 1;
    ModelPlan plan =
        new ModelPlan(folder, Shell.of("Jamba", "model.final_layernorm.weight", epsilon));
    for (int i = 0; i < depth; i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      plan.layer();
      plan.block(
          tensors.prefix() + "input_layernorm.weight",
          attends(config, i)
              ? tensors.attention(attention)
              : tensors.mamba1(mamba, "mamba.", INNER_NORMS));
      plan.block(
          tensors.prefix() + "pre_ff_layernorm.weight",
          routes && hasExperts(config, i)
              ? experts(folder, tensors)
              : tensors.gatedMlp(mlp, "feed_forward."));
    }
    return plan;
  }

  private static boolean attends(CheckpointConfig config, int layer) {
    return layer % config.positiveInt("attn_layer_period", 8)
        == config.count("attn_layer_offset", 4);
  }

  private static boolean hasExperts(CheckpointConfig config, int layer) {
    return layer % config.positiveInt("expert_layer_period", 2)
        == config.count("expert_layer_offset", 1);
  }

  private static Mamba1 mamba(ModelFolder folder, int hidden, float epsilon) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("mamba_proj_bias", false), config, "mamba_proj_bias", "false");
    folder.require(config.flag("mamba_conv_bias", true), config, "mamba_conv_bias", "true");
    int expand = config.positiveInt("mamba_expand", 2);
    int inner = folder.product(config, "mamba_expand * hidden_size", expand, hidden);
    int stateDim = config.positiveInt("mamba_d_state", 16);
    int convWidth = config.positiveInt("mamba_d_conv", 4);
    folder.product(config, "inner size * mamba_d_state", inner, stateDim);
    folder.product(config, "inner size * mamba_d_conv", inner, convWidth);
    int rank = MambaFamily.timeStepRank(config, "mamba_dt_rank", hidden);
    return new Mamba1(inner, inner, stateDim, convWidth, rank, 1, 1, true, epsilon);
  }

  private static Part experts(ModelFolder folder, LayerTensors tensors) {
    CheckpointConfig config = folder.config();
    int experts = config.positiveInt("num_experts", 16);
    RoutedMlp mixer =
        new RoutedMlp(
            experts,
            ExpertTensors.perToken(folder, "num_experts_per_tok", experts),
            Router.softmax(false),
            true,
            Activation.SILU,
            config.positiveInt("intermediate_size"),
            0,
            0);
    return ExpertTensors.each(
            "feed_forward.", "router", "", List.of("gate_proj", "up_proj", "down_proj"))
        .in(tensors, mixer);
  }
}
