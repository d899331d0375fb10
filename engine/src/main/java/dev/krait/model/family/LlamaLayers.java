package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.GatedMlp;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.AttentionWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.model.ModelWeights.GatedMlpWeights;
import dev.krait.model.Rope;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;

/// The parts of a Llama that its hybrids keep: attention, feed-forward, embedding and head, by
/// their Hugging Face names.
final class LlamaLayers {
  static final String EMBEDDING = "model.embed_tokens.weight";
  static final String HEAD = "lm_head.weight";

  /// What a configuration means that has no `rms_norm_eps`.
  static final double EPSILON = 1e-6;

  private static final String AT_LEAST_ONE = "a finite number, 1 or more";
  private static final double MOST = Double.POSITIVE_INFINITY;

  private LlamaLayers() {}

  /// Attention as config.json describes it.
  ///
  /// @param scaled whether rope_scaling applies
  static Attention attention(ModelFolder folder, boolean scaled) {
    CheckpointConfig config = folder.config();
    folder.require(!config.flag("attention_bias", false), config, "attention_bias", "false");
    int heads = config.positiveInt("num_attention_heads");
    int kvHeads = config.positiveInt("num_key_value_heads", heads);
    folder.require(
        heads % kvHeads == 0, config, "num_key_value_heads", "a divisor of " + heads + " heads");
    int headDim = headDim(folder, heads);
    folder.product(config, "num_attention_heads * head_dim", heads, headDim);
    boolean mistral = folder.hasArchitecture("MistralForCausalLM");
    int window = mistral ? config.optionalPositiveInt("sliding_window").orElse(0) : 0;
    return new Attention(heads, kvHeads, headDim, rope(config, headDim, scaled), window);
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
    folder.require(
        config.optionalText("hidden_act").orElse("silu").equals("silu"),
        config,
        "hidden_act",
        "silu");
    return new GatedMlp(config.positiveInt("intermediate_size"));
  }

  static float epsilon(ModelFolder folder) {
    return folder.epsilon("rms_norm_eps", EPSILON);
  }

  private static Rope rope(CheckpointConfig config, int headDim, boolean scaled) {
    Optional<CheckpointConfig> parameters = config.object("rope_parameters");
    double theta =
        parameters
            .orElse(config)
            .number("rope_theta", 10000, LlamaLayers::atLeastOne, AT_LEAST_ONE);
    Optional<CheckpointConfig> scaling =
        parameters.isPresent() ? parameters : config.object("rope_scaling");
    Rope.Scaling kind =
        scaled && scaling.isPresent() ? scaling(scaling.get()) : new Rope.Scaling.None();
    return new Rope(headDim, theta, kind);
  }

  private static Rope.Scaling scaling(CheckpointConfig in) {
    String type = in.optionalText("rope_type").or(() -> in.optionalText("type")).orElse("default");
    return switch (type) {
      case "default" -> new Rope.Scaling.None();
      case "linear" ->
          new Rope.Scaling.Linear(in.number("factor", LlamaLayers::atLeastOne, AT_LEAST_ONE));
      case "llama3" -> llama3(in);
      default -> throw in.invalid("rope_type", type, "default, linear or llama3");
    };
  }

  private static Rope.Scaling llama3(CheckpointConfig in) {
    double low =
        in.number("low_freq_factor", value -> value > 0 && value < MOST, "a finite number above 0");
    double high =
        in.number(
            "high_freq_factor",
            value -> value > low && value < MOST,
            "a finite number above low_freq_factor " + low);
    return new Rope.Scaling.Llama3(
        in.number("factor", LlamaLayers::atLeastOne, AT_LEAST_ONE),
        low,
        high,
        in.number("original_max_position_embeddings", LlamaLayers::atLeastOne, AT_LEAST_ONE));
  }

  private static boolean atLeastOne(double value) {
    return value >= 1 && value < MOST;
  }

  static String layer(int index) {
    return "model.layers." + index + ".";
  }

  static BlockWeights attention(int index, ModelSpec spec, Attention mixer, WeightSource source) {
    String layer = layer(index);
    int hidden = spec.hiddenDim();
    int query = mixer.heads() * mixer.headDim();
    int keyValue = mixer.kvHeads() * mixer.headDim();
    AttentionWeights weights;
    if (source.has(layer + "mha.in_proj.weight")) {
      weights =
          new AttentionWeights(
              source.matrix(
                  hidden, RowBlock.all(layer + "mha.in_proj.weight", mixer.projectionColumns())),
              source.matrix(query, RowBlock.all(layer + "mha.out_proj.weight", hidden)));
    } else {
      weights =
          new AttentionWeights(
              source.matrix(
                  hidden,
                  RowBlock.all(layer + "self_attn.q_proj.weight", query),
                  RowBlock.all(layer + "self_attn.k_proj.weight", keyValue),
                  RowBlock.all(layer + "self_attn.v_proj.weight", keyValue)),
              source.matrix(query, RowBlock.all(layer + "self_attn.o_proj.weight", hidden)));
    }
    return new BlockWeights(source.vector(layer + "input_layernorm.weight", hidden), weights);
  }

  static BlockWeights mlp(int index, ModelSpec spec, GatedMlp mixer, WeightSource source) {
    String layer = layer(index);
    int hidden = spec.hiddenDim();
    int inner = mixer.intermediateDim();
    return new BlockWeights(
        source.vector(layer + "post_attention_layernorm.weight", hidden),
        new GatedMlpWeights(
            source.matrix(
                hidden,
                RowBlock.all(layer + "mlp.gate_proj.weight", inner),
                RowBlock.all(layer + "mlp.up_proj.weight", inner)),
            source.matrix(inner, RowBlock.all(layer + "mlp.down_proj.weight", hidden))));
  }

  /// All weights of a model whose layers have a mixer, then a feed-forward.
  ///
  /// @param mixers weights of the first branch of a layer, by its index
  static ModelWeights weights(
      ModelSpec spec, ModelFolder folder, WeightSource source, IntFunction<BlockWeights> mixers) {
    var embedding = source.matrix(spec.hiddenDim(), RowBlock.all(EMBEDDING, spec.headRows()));
    List<List<BlockWeights>> layers = new ArrayList<>();
    for (int i = 0; i < spec.layers().size(); i++) {
      GatedMlp mlp = (GatedMlp) spec.layers().get(i).get(1).mixer();
      layers.add(List.of(mixers.apply(i), mlp(i, spec, mlp, source)));
    }
    boolean tied = folder.config().flag("tie_word_embeddings", false);
    var head =
        tied && !source.has(HEAD)
            ? embedding
            : source.head(HEAD, spec.headRows(), spec.hiddenDim(), EMBEDDING, embedding);
    return new ModelWeights(
        embedding, layers, source.vector("model.norm.weight", spec.hiddenDim()), head);
  }
}
