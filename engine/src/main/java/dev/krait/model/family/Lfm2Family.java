package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.ShortConv;
import dev.krait.model.family.LayerTensors.AttentionNames;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/// LFM2 and LFM2.5, dense and with experts: short convolutions and, in a few layers, attention with
/// normed heads, each followed by a feed-forward.
public final class Lfm2Family implements ModelFamily {
  private static final String EXPERTS = "Lfm2MoeForCausalLM";
  private static final String CONV = "conv";
  private static final String ATTENTION = "full_attention";
  private static final AttentionNames NAMES =
      new AttentionNames("self_attn.", "out_proj", "q_layernorm", "k_layernorm");
  private static final List<String> GATE_UP_DOWN = List.of("w1", "w3", "w2");

  /// The family.
  public Lfm2Family() {}

  @Override
  public String accepted() {
    return "Lfm2ForCausalLM or " + EXPERTS;
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture("Lfm2ForCausalLM") || folder.hasArchitecture(EXPERTS);
  }

  @Override
  public boolean tied(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    return config.flag("tie_embedding", config.flag("tie_word_embeddings", true));
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("conv_bias", false), config, "conv_bias", "false");
    boolean experts = folder.hasArchitecture(EXPERTS);
    int hidden = config.positiveInt("hidden_size");
    float epsilon = folder.epsilon("norm_eps", 1e-5);
    ShortConv conv = new ShortConv(hidden, config.positiveInt("conv_L_cache", 3));
    Attention plain = LlamaLayers.plainAttention(folder);
    RopeKeys.Reading reading = new RopeKeys.Reading(1e6, OptionalDouble.empty(), Set.of());
    Attention attention =
        plain.withRope(RopeKeys.read(config, plain.headDim(), true, reading)).withHeadNorm(epsilon);
    GatedMlp dense =
        new GatedMlp(experts ? config.positiveInt("intermediate_size") : width(folder));
    List<String> types = types(folder);
    int denseLayers = experts ? config.count("num_dense_layers", 2) : types.size();
    String architecture = experts ? "LFM2-MoE" : "LFM2";
    ModelPlan plan =
        new ModelPlan(folder, Shell.of(architecture, "model.embedding_norm.weight", epsilon));
    for (int i = 0; i < types.size(); i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      plan.layer();
      plan.block(
          tensors.prefix() + "operator_norm.weight",
          types.get(i).equals(CONV)
              ? tensors.shortConv(conv, "conv.")
              : tensors.attention(attention, NAMES));
      plan.block(
          tensors.prefix() + "ffn_norm.weight",
          i < denseLayers
              ? tensors.gatedMlp(dense, "feed_forward.w1", "feed_forward.w3", "feed_forward.w2")
              : experts(folder, tensors));
    }
    return plan;
  }

  private static List<String> types(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    if (config.has("layer_types")) {
      return folder.layerTypes("layer_types", "model.layers.", Set.of(CONV, ATTENTION));
    }
    List<Integer> attends = config.ints("full_attn_idxs");
    List<String> types = new ArrayList<>();
    for (int i = 0; i < folder.depth("num_hidden_layers"); i++) {
      types.add(attends.contains(i) ? ATTENTION : CONV);
    }
    return types;
  }

  /// Width of the dense feed-forward: two thirds of what the configuration says, up to a multiple,
  /// unless it says otherwise.
  private static int width(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    int width =
        config
            .optionalPositiveInt("block_ff_dim")
            .orElseGet(() -> config.positiveInt("intermediate_size"));
    if (!config.flag("block_auto_adjust_ff_dim", true)) {
      return width;
    }
    double factor =
        config.number(
            "block_ffn_dim_multiplier",
            1,
            value -> value > 0 && value <= 16,
            "above 0, at most 16");
    int multiple = config.positiveInt("block_multiple_of", 256);
    long third = 2L * width / 3; // whole, before the factor
    int adjusted = (int) (factor * third);
    return folder.product(
        config,
        "block_multiple_of * multiples",
        multiple,
        Math.max(1, Math.ceilDiv(adjusted, multiple)));
  }

  private static Part experts(ModelFolder folder, LayerTensors tensors) {
    CheckpointConfig config = folder.config();
    int experts = config.positiveInt("num_experts");
    boolean bias = config.flag("use_expert_bias", true);
    Router router = ExpertTensors.sigmoid(folder, "norm_topk_prob", bias, 1e-6f, "n_group");
    RoutedMlp mixer =
        new RoutedMlp(
            experts,
            ExpertTensors.perToken(folder, "num_experts_per_tok", experts),
            router,
            true,
            Activation.SILU,
            config.positiveInt("moe_intermediate_size"),
            0,
            0);
    return ExpertTensors.each("feed_forward.", "gate", "expert_bias", GATE_UP_DOWN)
        .in(tensors, mixer);
  }
}
