package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.List;
import java.util.Set;

/// OLMo-Hybrid: gated delta nets, whose layers norm the inputs of their blocks, and attention,
/// whose layers norm the outputs and norm queries and keys over all heads together.
public final class OlmoHybridFamily implements ModelFamily {
  private static final String DELTA = "linear_attention";
  private static final String ATTENTION = "full_attention";

  /// The delta net's output norm does not follow the configuration.
  private static final float OUTPUT_EPSILON = 1e-5f;

  /// The family.
  public OlmoHybridFamily() {}

  @Override
  public String accepted() {
    return "OlmoHybridForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    int hidden = config.positiveInt("hidden_size");
    float epsilon = LlamaLayers.epsilon(folder);
    Attention attention = attention(folder, epsilon);
    float betaScale = config.flag("linear_allow_neg_eigval", true) ? 2 : 1;
    GatedDeltaNet delta = DeltaTensors.mixer(folder, betaScale, OUTPUT_EPSILON);
    GatedMlp mlp = LlamaLayers.mlp(folder);
    List<String> types =
        folder.layerTypes("layer_types", "model.layers.", Set.of(DELTA, ATTENTION));
    boolean oldNames = folder.hasTensorEnding(".attention_layer_norm.weight");
    boolean thirds = hasThirds(folder, delta);
    ModelPlan plan = new ModelPlan(folder, Shell.of("OLMo-Hybrid", "model.norm.weight", epsilon));
    for (int i = 0; i < types.size(); i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      String prefix = tensors.prefix();
      plan.layer();
      if (types.get(i).equals(ATTENTION)) {
        plan.blockNormedAfter(
            prefix + "post_attention_layernorm.weight", tensors.attention(attention));
        plan.blockNormedAfter(
            prefix + "post_feedforward_layernorm.weight", tensors.gatedMlp(mlp, "mlp."));
      } else {
        plan.block(
            prefix + (oldNames ? "attention_layer_norm" : "input_layernorm") + ".weight",
            new DeltaTensors(prefix + "linear_attn.", hidden, delta).split(thirds));
        plan.block(
            prefix + (oldNames ? "feedforward_layer_norm" : "post_attention_layernorm") + ".weight",
            tensors.gatedMlp(mlp, "mlp."));
      }
    }
    return plan;
  }

  /// Whether the tensors of a convolution are thirds of it.
  private static boolean hasThirds(ModelFolder folder, GatedDeltaNet delta) {
    return folder.checkpoint().names().stream()
        .filter(name -> name.endsWith(".q_conv1d.weight"))
        .map(name -> folder.checkpoint().require(name).shape())
        .anyMatch(shape -> shape.rank() == 3 && shape.dim(0) * 3 == delta.convChannels());
  }

  /// Attention without positions where `rope_parameters` has a theta that is null.
  private static Attention attention(ModelFolder folder, float epsilon) {
    CheckpointConfig config = folder.config();
    boolean none =
        config
            .object("rope_parameters")
            .map(rope -> rope.contains("rope_theta") && !rope.has("rope_theta"))
            .orElse(false);
    Attention plain =
        none ? LlamaLayers.plainAttention(folder) : LlamaLayers.attention(folder, true);
    return plain.withWholeNorm(epsilon);
  }
}
