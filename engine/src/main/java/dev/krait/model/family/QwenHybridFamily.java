package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/// Qwen3-Next, Qwen3.5 and Qwen3.6, dense and with experts: gated delta nets and, in every fourth
/// layer, gated attention with a partial rotary embedding, each followed by a feed-forward.
///
/// Norms are stored less 1, except for that of the delta net's output. The released checkpoints of
/// Qwen3.5 have the language model's keys in `text_config` and its tensors under
/// `model.language_model.`, beside a vision tower; text is served alone. Positions in three
/// dimensions (`mrope_section`) are those of text in one.
public final class QwenHybridFamily implements ModelFamily {
  private static final String NEXT = "Qwen3NextForCausalLM";
  private static final Set<String> EXPERTS =
      Set.of(NEXT, "Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeForCausalLM");
  private static final Set<String> DENSE =
      Set.of("Qwen3_5ForConditionalGeneration", "Qwen3_5ForCausalLM");
  private static final String DELTA = "linear_attention";
  private static final String ATTENTION = "full_attention";
  private static final List<String> GATE_UP_DOWN = List.of("gate_proj", "up_proj", "down_proj");

  /// The family.
  public QwenHybridFamily() {}

  @Override
  public String accepted() {
    return NEXT
        + ", Qwen3_5ForConditionalGeneration, Qwen3_5ForCausalLM,"
        + " Qwen3_5MoeForConditionalGeneration or Qwen3_5MoeForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.architectures().stream()
        .anyMatch(name -> EXPERTS.contains(name) || DENSE.contains(name));
  }

  @Override
  public List<String> skipped() {
    return List.of("mtp.", "model.visual.");
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    requireComputed(folder);
    String prefix =
        folder.hasTensorContaining("model.language_model.") ? "model.language_model." : "model.";
    int hidden = config.positiveInt("hidden_size");
    float epsilon = LlamaLayers.epsilon(folder);
    boolean routes = config.count("num_experts", 0) > 0;
    boolean next = folder.hasTensorContaining(".in_proj_qkvz.");
    String version = next ? "Qwen3-Next" : routes ? "Qwen3.5-MoE" : "Qwen3.5";
    Shell shell =
        new Shell(
            version,
            prefix + "embed_tokens.weight",
            prefix + "norm.weight",
            LlamaLayers.HEAD,
            epsilon,
            true);
    Attention attention = attention(folder, epsilon);
    GatedDeltaNet delta = DeltaTensors.mixer(folder, 1, epsilon);
    ModelPlan plan = new ModelPlan(folder, shell);
    List<String> types = types(folder, prefix);
    for (int i = 0; i < types.size(); i++) {
      LayerTensors tensors = new LayerTensors(prefix + "layers." + i + ".", hidden, true);
      DeltaTensors deltas = new DeltaTensors(tensors.prefix() + "linear_attn.", hidden, delta);
      plan.layer();
      plan.block(
          tensors.prefix() + "input_layernorm.weight",
          types.get(i).equals(ATTENTION)
              ? tensors.attention(attention)
              : next ? deltas.interleaved() : deltas.flat());
      plan.block(
          tensors.prefix() + "post_attention_layernorm.weight",
          routes && routes(config, i)
              ? experts(folder, tensors)
              : tensors.gatedMlp(new GatedMlp(config.positiveInt("intermediate_size")), "mlp."));
    }
    return plan;
  }

  private static void requireComputed(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    LlamaLayers.requireSilu(folder);
    folder.require(config.flag("attn_output_gate", true), config, "attn_output_gate", "true");
    folder.require(
        !config.flag("use_sliding_window", false), config, "use_sliding_window", "false");
  }

  private static List<String> types(ModelFolder folder, String prefix) {
    CheckpointConfig config = folder.config();
    if (config.has("layer_types")) {
      return folder.layerTypes("layer_types", prefix, Set.of(DELTA, ATTENTION));
    }
    int interval = config.positiveInt("full_attention_interval", 4);
    List<String> types = new ArrayList<>();
    for (int i = 1; i <= folder.depth("num_hidden_layers", prefix); i++) {
      types.add(i % interval == 0 ? ATTENTION : DELTA);
    }
    return types;
  }

  private static boolean routes(CheckpointConfig config, int layer) {
    return !config.ints("mlp_only_layers").contains(layer)
        && (layer + 1) % config.positiveInt("decoder_sparse_step", 1) == 0;
  }

  private static Attention attention(ModelFolder folder, float epsilon) {
    Attention plain = LlamaLayers.plainAttention(folder);
    RopeKeys.Reading reading =
        new RopeKeys.Reading(
            10_000, OptionalDouble.of(0.25), Set.of("mrope_section", "mrope_interleaved"));
    return plain
        .withRope(RopeKeys.read(folder.config(), plain.headDim(), true, reading))
        .withHeadNorm(epsilon)
        .withOutputGate();
  }

  private static Part experts(ModelFolder folder, LayerTensors tensors) {
    CheckpointConfig config = folder.config();
    int experts = config.positiveInt("num_experts");
    RoutedMlp mixer =
        new RoutedMlp(
            experts,
            ExpertTensors.perToken(folder, "num_experts_per_tok", experts),
            Router.softmax(config.flag("norm_topk_prob", true)),
            true,
            Activation.SILU,
            config.positiveInt("moe_intermediate_size"),
            config.positiveInt("shared_expert_intermediate_size"),
            0);
    ExpertTensors names =
        folder.hasTensorContaining(tensors.prefix() + "mlp.experts.gate_up_proj")
            ? new ExpertTensors(
                "mlp.gate.weight", "", "", "mlp.experts.gate_up_proj", "mlp.experts.down_proj")
            : ExpertTensors.each("mlp.", "gate", "", GATE_UP_DOWN);
    return names.in(tensors, mixer);
  }
}
