package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.MixerWeights.GatedMlpWeights;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.model.ResidualBlock;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/// The parts of a Llama that its hybrids keep: attention, feed-forward, embedding and head, by
/// their Hugging Face names.
final class LlamaLayers {
  static final String EMBEDDING = "model.embed_tokens.weight";
  static final String HEAD = "lm_head.weight";

  private static final List<String> NORMS =
      List.of("input_layernorm.weight", "post_attention_layernorm.weight");

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

  /// How a family reads the weights of a layer's mixer.
  interface MixerReader {
    /// Reads them.
    ///
    /// @param layer prefix of the layer's tensors
    MixerWeights read(String layer, Mixer mixer);
  }

  /// Weights of attention and feed-forward, which all hybrids have like this.
  ///
  /// @param layer prefix of the layer's tensors
  /// @param hidden width of the residual stream
  static MixerWeights mixer(String layer, int hidden, Mixer mixer, WeightSource source) {
    if (mixer instanceof Attention attention) {
      return attention(layer, hidden, attention, source);
    }
    if (mixer instanceof GatedMlp mlp) {
      return mlp(layer, hidden, mlp, source);
    }
    throw new IllegalArgumentException("mixer: " + mixer + " (expected: one of this family)");
  }

  private static AttentionWeights attention(
      String layer, int hidden, Attention mixer, WeightSource source) {
    int query = mixer.heads() * mixer.headDim();
    int keyValue = mixer.kvHeads() * mixer.headDim();
    if (source.has(layer + "mha.in_proj.weight")) {
      return AttentionWeights.of(
          mixer,
          source.matrix(
              hidden, RowBlock.all(layer + "mha.in_proj.weight", mixer.projectionColumns())),
          source.matrix(query, RowBlock.all(layer + "mha.out_proj.weight", hidden)));
    }
    return AttentionWeights.of(
        mixer,
        source.matrix(
            hidden,
            RowBlock.all(layer + "self_attn.q_proj.weight", query),
            RowBlock.all(layer + "self_attn.k_proj.weight", keyValue),
            RowBlock.all(layer + "self_attn.v_proj.weight", keyValue)),
        source.matrix(query, RowBlock.all(layer + "self_attn.o_proj.weight", hidden)));
  }

  private static GatedMlpWeights mlp(
      String layer, int hidden, GatedMlp mixer, WeightSource source) {
    int inner = mixer.intermediateDim();
    return new GatedMlpWeights(
        mixer,
        source.matrix(
            hidden,
            RowBlock.all(layer + "mlp.gate_proj.weight", inner),
            RowBlock.all(layer + "mlp.up_proj.weight", inner)),
        source.matrix(inner, RowBlock.all(layer + "mlp.down_proj.weight", hidden)));
  }

  /// All weights of a model whose layers have a block with a mixer, then one with a feed-forward.
  static ModelWeights weights(
      ModelSpec spec, ModelFolder folder, WeightSource source, MixerReader mixers) {
    var embedding = source.matrix(spec.hiddenDim(), RowBlock.all(EMBEDDING, spec.headRows()));
    List<BlockWeights> blocks = new ArrayList<>();
    for (int i = 0; i < spec.layers().size(); i++) {
      String layer = "model.layers." + i + ".";
      Iterator<String> norms = NORMS.iterator();
      for (ResidualBlock block : spec.layers().get(i)) {
        blocks.add(
            new BlockWeights(
                block,
                source.vector(layer + norms.next(), spec.hiddenDim()),
                block.mixers().stream()
                    .map(scaled -> mixers.read(layer, scaled.mixer()))
                    .toList()));
      }
    }
    boolean tied = folder.config().flag("tie_word_embeddings", false);
    var head =
        tied && !source.has(HEAD)
            ? embedding
            : source.head(HEAD, spec.headRows(), spec.hiddenDim(), EMBEDDING, embedding);
    return new ModelWeights(
        embedding, blocks, source.vector("model.norm.weight", spec.hiddenDim()), head);
  }
}
