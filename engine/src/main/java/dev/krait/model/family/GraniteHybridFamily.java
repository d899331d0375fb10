package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelSpec;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.List;
import java.util.Set;

/// Granite 4.0 and 4.0-H: attention and Mamba-2, each followed by a feed-forward, with experts
/// beside it in the larger models; multipliers on embedding, branches, scores and logits.
public final class GraniteHybridFamily implements ModelFamily {
  private static final Set<String> MAMBA = Set.of("mamba", "linear_attention");
  private static final Set<String> KNOWN =
      Set.of("mamba", "linear_attention", "attention", "full_attention");

  /// The family.
  public GraniteHybridFamily() {}

  @Override
  public String accepted() {
    return "GraniteMoeHybridForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public ModelSpec describe(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    return plan(folder)
        .spec(multiplier(config, "embedding_multiplier"), 1 / multiplier(config, "logits_scaling"));
  }

  private static double multiplier(CheckpointConfig config, String key) {
    return config.number(
        key, 1, value -> value > 0 && value < Double.POSITIVE_INFINITY, "a finite number above 0");
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("mamba_proj_bias", false), config, "mamba_proj_bias", "false");
    folder.require(config.flag("mamba_conv_bias", true), config, "mamba_conv_bias", "true");
    float epsilon = LlamaLayers.epsilon(folder);
    int hidden = config.positiveInt("hidden_size");
    float residual = (float) multiplier(config, "residual_multiplier");
    List<String> types = folder.layerTypes("layer_types", "model.layers.", KNOWN);
    Attention attention = attention(folder);
    ModelPlan plan = new ModelPlan(folder, Shell.of("GraniteHybrid", "model.norm.weight", epsilon));
    for (int i = 0; i < types.size(); i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      plan.layer();
      plan.block(
          tensors.prefix() + "input_layernorm.weight",
          (MAMBA.contains(types.get(i))
                  ? tensors.mamba2(mamba(folder, epsilon), "mamba.")
                  : tensors.attention(attention))
              .times(residual));
      plan.block(
          tensors.prefix() + "post_attention_layernorm.weight",
          feedForward(folder, tensors, residual));
    }
    return plan;
  }

  private static Mamba2 mamba(ModelFolder folder, float epsilon) {
    return Mamba2Keys.BAMBA.read(folder, epsilon, 1, List.of());
  }

  private static Attention attention(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    String positions = config.optionalText("position_embedding_type").orElse("nope");
    folder.require(
        Set.of("nope", "rope").contains(positions),
        config,
        "position_embedding_type",
        "nope or rope");
    Attention plain =
        positions.equals("rope")
            ? LlamaLayers.attention(folder, true)
            : LlamaLayers.plainAttention(folder);
    return plain.withScale(multiplier(config, "attention_multiplier"));
  }

  /// The feed-forward that every token goes through, and experts where there are any.
  private static Part[] feedForward(ModelFolder folder, LayerTensors tensors, float residual) {
    CheckpointConfig config = folder.config();
    LlamaLayers.requireSilu(folder);
    GatedMlp shared = new GatedMlp(config.positiveInt("shared_intermediate_size"));
    Part always =
        tensors
            .fusedMlp(shared, "shared_mlp.input_linear", "shared_mlp.output_linear")
            .times(residual);
    int experts = config.count("num_local_experts", 0);
    if (experts == 0) {
      return new Part[] {always};
    }
    RoutedMlp routed =
        new RoutedMlp(
            experts,
            ExpertTensors.perToken(folder, "num_experts_per_tok", experts),
            Router.softmax(true),
            true,
            Activation.SILU,
            config.positiveInt("intermediate_size"),
            0,
            0);
    ExpertTensors names =
        new ExpertTensors(
            "block_sparse_moe.router.layer.weight",
            "",
            "",
            "block_sparse_moe.input_linear.weight",
            "block_sparse_moe.output_linear.weight");
    return new Part[] {names.in(tensors, routed).times(residual), always};
  }
}
