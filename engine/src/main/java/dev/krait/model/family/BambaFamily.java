package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.family.ModelPlan.Shell;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/// Bamba: Mamba-2 and, in a few layers, attention with a partial rotary embedding, each followed by
/// a gated feed-forward.
public final class BambaFamily implements ModelFamily {
  private static final String ROTATED = "attn_rotary_emb";

  /// The family.
  public BambaFamily() {}

  @Override
  public String accepted() {
    return "BambaForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("mamba_proj_bias", false), config, "mamba_proj_bias", "false");
    folder.require(config.flag("mamba_conv_bias", true), config, "mamba_conv_bias", "true");
    float epsilon = LlamaLayers.epsilon(folder);
    int hidden = config.positiveInt("hidden_size");
    int depth = folder.depth("num_hidden_layers");
    List<Integer> attentionLayers = config.ints("attn_layer_indices");
    Attention attention = attention(folder);
    Mamba2 mamba = Mamba2Keys.BAMBA.read(folder, epsilon, 1, List.of());
    GatedMlp mlp = LlamaLayers.mlp(folder);
    ModelPlan plan =
        new ModelPlan(folder, Shell.of("Bamba", "model.final_layernorm.weight", epsilon));
    for (int i = 0; i < depth; i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      plan.layer();
      plan.block(
          tensors.prefix() + "input_layernorm.weight",
          attentionLayers.contains(i)
              ? tensors.attention(attention)
              : tensors.mamba2(mamba, "mamba."));
      plan.block(
          tensors.prefix() + "pre_ff_layernorm.weight", tensors.gatedMlp(mlp, "feed_forward."));
    }
    return plan;
  }

  /// Half of a head turns unless the configuration says how many elements.
  private static Attention attention(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    Attention plain = LlamaLayers.plainAttention(folder);
    int rotated = config.positiveInt(ROTATED, plain.headDim() / 2);
    folder.require(
        rotated <= plain.headDim() && rotated % 2 == 0,
        config,
        ROTATED,
        "an even number, at most head_dim " + plain.headDim());
    RopeKeys.Reading reading =
        new RopeKeys.Reading(10_000, OptionalDouble.empty(), Set.of(ROTATED));
    return plain.withRope(RopeKeys.read(config, rotated, true, reading));
  }
}
