package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import dev.krait.model.family.ModelPlan.Sizes;
import java.util.function.BiFunction;

/// The parts of a Llama that its hybrids keep: attention, feed-forward, embedding and head, by
/// their Hugging Face names.
final class LlamaLayers {
  static final String EMBEDDING = "model.embed_tokens.weight";
  static final String HEAD = "lm_head.weight";

  /// What a configuration means that has no `rms_norm_eps`.
  static final double EPSILON = 1e-6;

  /// What a Mistral configuration means that has no `sliding_window` and does not say null.
  private static final int MISTRAL_WINDOW = 4096;

  private LlamaLayers() {}

  /// Attention as config.json describes it.
  ///
  /// @param scaled whether rope_scaling applies
  static Attention attention(ModelFolder folder, boolean scaled) {
    Attention plain = plainAttention(folder);
    return plain
        .withRope(RopeKeys.read(folder.config(), plain.headDim(), scaled))
        .withWindow(window(folder));
  }

  /// The same without positions and window.
  static Attention plainAttention(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("attention_bias", false), config, "attention_bias", "false");
    int heads = config.positiveInt("num_attention_heads");
    int kvHeads = config.positiveInt("num_key_value_heads", heads);
    folder.require(
        heads % kvHeads == 0, config, "num_key_value_heads", "a divisor of " + heads + " heads");
    int headDim = headDim(folder, heads);
    folder.product(config, "num_attention_heads * head_dim", heads, headDim);
    return Attention.of(heads, kvHeads, headDim);
  }

  private static int window(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    if (!folder.hasArchitecture("MistralForCausalLM")) {
      return 0;
    }
    return config.contains("sliding_window")
        ? config.optionalPositiveInt("sliding_window").orElse(0)
        : MISTRAL_WINDOW;
  }

  private static int headDim(ModelFolder folder, int heads) {
    CheckpointConfig config = folder.config();
    if (config.has("head_dim")) {
      int headDim = config.positiveInt("head_dim");
      folder.require(headDim % 2 == 0, config, "head_dim", "an even number");
      return headDim;
    }
    int hidden = config.positiveInt("hidden_size");
    folder.require(
        hidden % (2 * heads) == 0,
        config,
        "num_attention_heads",
        "heads of an even size that divide hidden_size " + hidden + ", or head_dim");
    return hidden / heads;
  }

  static GatedMlp mlp(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("mlp_bias", false), config, "mlp_bias", "false");
    requireSilu(folder);
    return new GatedMlp(config.positiveInt("intermediate_size"));
  }

  /// Refuses another activation.
  static void requireSilu(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(
        config.optionalText("hidden_act").orElse("silu").equals("silu"),
        config,
        "hidden_act",
        "silu");
  }

  static float epsilon(ModelFolder folder) {
    return folder.epsilon("rms_norm_eps", EPSILON);
  }

  /// A model whose layers have a block with a mixer, then one with a feed-forward.
  ///
  /// @param mixers of a layer, by its tensors and its number
  static ModelPlan plan(
      ModelFolder folder, String architecture, BiFunction<LayerTensors, Integer, Part> mixers) {
    GatedMlp mlp = mlp(folder);
    int depth = folder.depth("num_hidden_layers");
    Sizes sizes = Sizes.of(folder, folder.config().positiveInt("max_position_embeddings", 2048));
    ModelPlan plan =
        new ModelPlan(Shell.of(architecture, "model.norm.weight", epsilon(folder)), sizes);
    for (int i = 0; i < depth; i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", sizes.hidden(), false);
      plan.layer();
      plan.block(tensors.prefix() + "input_layernorm.weight", mixers.apply(tensors, i));
      plan.block(
          tensors.prefix() + "post_attention_layernorm.weight", tensors.gatedMlp(mlp, "mlp."));
    }
    return plan;
  }
}
