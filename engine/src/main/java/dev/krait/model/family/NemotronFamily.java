package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.family.LayerTensors.AttentionNames;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.List;
import java.util.Map;

/// Nemotron-H, Nemotron Nano 2 and Nemotron 3: layers of one block each, by a pattern of letters:
/// Mamba-2, attention without positions, a feed-forward with squared relu, or experts of such.
///
/// `expand`, `rope_theta` and `partial_rotary_factor` mean nothing, and step sizes are not clipped,
/// as in the vendor's code.
public final class NemotronFamily implements ModelFamily {
  private static final Map<String, String> LETTERS =
      Map.of(
          "linear_attention", "M",
          "mamba", "M",
          "full_attention", "*",
          "attention", "*",
          "mlp", "-",
          "moe", "E");
  private static final Mamba2Keys MAMBA =
      new Mamba2Keys(
          "mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups", "conv_kernel");
  private static final AttentionNames NAMES = new AttentionNames("mixer.", "o_proj", "", "");

  /// The family.
  public NemotronFamily() {}

  @Override
  public String accepted() {
    return "NemotronHForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public List<String> skipped() {
    return List.of("mtp.");
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    requireComputed(folder);
    float epsilon =
        folder.epsilon(config.has("norm_eps") ? "norm_eps" : "layer_norm_epsilon", 1e-5);
    int hidden = config.positiveInt("hidden_size");
    Mamba2 mamba = MAMBA.read(folder, epsilon);
    Attention attention = LlamaLayers.plainAttention(folder);
    Shell shell =
        new Shell(
            "Nemotron-H",
            "backbone.embeddings.weight",
            "backbone.norm_f.weight",
            LlamaLayers.HEAD,
            epsilon,
            false);
    ModelPlan plan = new ModelPlan(folder, shell);
    String pattern = pattern(folder);
    for (int i = 0; i < pattern.length(); i++) {
      LayerTensors tensors = new LayerTensors("backbone.layers." + i + ".", hidden, false);
      plan.layer();
      Part[] parts =
          switch (pattern.charAt(i)) {
            case 'M' -> new Part[] {tensors.mamba2(mamba, "mixer.")};
            case '*' -> new Part[] {tensors.attention(attention, NAMES)};
            case '-' ->
                new Part[] {mlp(tensors, config.positiveInt("intermediate_size"), "mixer.")};
            default -> experts(folder, tensors);
          };
      plan.block(tensors.prefix() + "norm.weight", parts);
    }
    return plan;
  }

  private static void requireComputed(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    for (String key : List.of("use_bias", "mlp_bias", "mamba_proj_bias")) {
      folder.require(!config.flag(key, false), config, key, "false");
    }
    folder.require(config.flag("use_conv_bias", true), config, "use_conv_bias", "true");
    folder.require(!config.has("sliding_window"), config, "sliding_window", "null");
    folder.require(
        config.optionalText("mlp_hidden_act").orElse("relu2").equals("relu2"),
        config,
        "mlp_hidden_act",
        "relu2");
    folder.require(
        config.optionalText("mamba_hidden_act").orElse("silu").equals("silu"),
        config,
        "mamba_hidden_act",
        "silu");
    Mamba2Family.requireFreeTimeStep(config, "time_step_limit");
  }

  /// A letter for each layer.
  private static String pattern(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    String key = config.has("layers_block_type") ? "layers_block_type" : "hybrid_override_pattern";
    StringBuilder letters = new StringBuilder();
    if (config.has("layers_block_type")) {
      config.texts(key).forEach(type -> letters.append(LETTERS.getOrDefault(type, "?")));
    } else {
      letters.append(config.text(key));
    }
    int named = folder.namedLayers("backbone.layers.");
    folder.require(
        letters.toString().matches("[M*E-]+") && letters.length() == named,
        config,
        key,
        "Mamba-2, attention, feed-forward or experts (M, *, -, E) for each of "
            + named
            + " layers");
    return letters.toString();
  }

  private static Part mlp(LayerTensors tensors, int width, String own) {
    return tensors.mlp(new Mlp(width, Activation.SQUARED_RELU), own + "up_proj", own + "down_proj");
  }

  /// The experts that are chosen, and the one that every token goes through.
  private static Part[] experts(ModelFolder folder, LayerTensors tensors) {
    CheckpointConfig config = folder.config();
    int experts = config.positiveInt("n_routed_experts");
    Router router = ExpertTensors.sigmoid(folder, "norm_topk_prob", true, 1e-20f, "n_group");
    RoutedMlp routed =
        new RoutedMlp(
            experts,
            ExpertTensors.perToken(folder, "num_experts_per_tok", experts),
            router,
            false,
            Activation.SQUARED_RELU,
            config.positiveInt("moe_intermediate_size"),
            0,
            config.optionalPositiveInt("moe_latent_size").orElse(0));
    Part chosen =
        ExpertTensors.each(
                "mixer.", "gate", "gate.e_score_correction_bias", List.of("up_proj", "down_proj"))
            .in(tensors, routed);
    if (config.count("n_shared_experts", 1) == 0) {
      return new Part[] {chosen};
    }
    int shared = config.positiveInt("moe_shared_expert_intermediate_size");
    return new Part[] {chosen, mlp(tensors, shared, "mixer.shared_experts.")};
  }
}
