package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.LatentAttention;
import dev.krait.model.MixerWeights.LatentAttentionWeights;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.model.family.ModelPlan.Shell;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;

/// Kimi-Linear: Kimi delta attention and, in the layers that the configuration counts from 1,
/// latent attention without positions, each followed by a feed-forward, which has experts in all
/// but the first layers. `head_dim` and `rope_theta` of the configuration mean nothing.
public final class KimiLinearFamily implements ModelFamily {
  /// The latent vector's norm does not follow the configuration.
  private static final float LATENT_EPSILON = 1e-6f;

  /// The family.
  public KimiLinearFamily() {}

  @Override
  public String accepted() {
    return "KimiLinearForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    requireComputed(folder);
    int hidden = config.positiveInt("hidden_size");
    float epsilon = LlamaLayers.epsilon(folder);
    int depth = folder.depth("num_hidden_layers");
    CheckpointConfig linear =
        config
            .object("linear_attn_config")
            .orElseThrow(() -> config.refusal("linear_attn_config", "an object"));
    List<Integer> attends = linear.ints("full_attn_layers");
    GatedDeltaNet delta = delta(folder, linear, epsilon);
    LatentAttention attention = attention(folder);
    GatedMlp mlp = LlamaLayers.mlp(folder);
    int dense = config.count("first_k_dense_replace", 0);
    ModelPlan plan = new ModelPlan(folder, Shell.of("Kimi-Linear", "model.norm.weight", epsilon));
    for (int i = 0; i < depth; i++) {
      LayerTensors tensors = new LayerTensors("model.layers." + i + ".", hidden, false);
      String own = tensors.prefix() + "self_attn.";
      plan.layer();
      plan.block(
          tensors.prefix() + "input_layernorm.weight",
          attends.contains(i + 1)
              ? new Part(attention, 1, source -> latent(own, hidden, attention, source))
              : new DeltaTensors(own, hidden, delta).split(false));
      plan.block(
          tensors.prefix() + "post_attention_layernorm.weight",
          i < dense ? new Part[] {tensors.gatedMlp(mlp, "mlp.")} : experts(folder, tensors));
    }
    return plan;
  }

  private static void requireComputed(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    folder.require(!config.has("q_lora_rank"), config, "q_lora_rank", "null");
    folder.require(config.flag("mla_use_nope", false), config, "mla_use_nope", "true");
    folder.require(
        config.optionalText("moe_router_activation_func").orElse("sigmoid").equals("sigmoid"),
        config,
        "moe_router_activation_func",
        "sigmoid");
    folder.require(config.positiveInt("moe_layer_freq", 1) == 1, config, "moe_layer_freq", "1");
  }

  private static GatedDeltaNet delta(ModelFolder folder, CheckpointConfig linear, float epsilon) {
    int heads = linear.positiveInt("num_heads");
    int dim = linear.positiveInt("head_dim");
    int convWidth = linear.positiveInt("short_conv_kernel_size", 4);
    int columns = folder.product(linear, "num_heads * head_dim", heads, dim);
    folder.product(linear, "num_heads * head_dim * head_dim", columns, dim);
    folder.product(linear, "channels * short_conv_kernel_size", 3 * columns, convWidth);
    return new GatedDeltaNet(
        heads, heads, dim, dim, convWidth, 1, dim, Activation.SIGMOID, epsilon);
  }

  private static LatentAttention attention(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    LatentAttention attention =
        new LatentAttention(
            config.positiveInt("num_attention_heads"),
            config.positiveInt("kv_lora_rank"),
            config.positiveInt("qk_nope_head_dim"),
            config.positiveInt("qk_rope_head_dim"),
            config.positiveInt("v_head_dim"),
            LATENT_EPSILON);
    int most = Math.max(attention.rowDim(), Math.max(attention.queryDim(), attention.valueDim()));
    folder.product(config, "num_attention_heads * sizes of a head", attention.heads(), most);
    return attention;
  }

  private static LatentAttentionWeights latent(
      String own, int hidden, LatentAttention mixer, WeightSource source) {
    int latent = mixer.latentDim();
    int each = mixer.noPeDim() + mixer.valueDim();
    int stored = mixer.heads() * each;
    String both = own + "kv_b_proj.weight";
    float[] rows = source.values(both, stored, latent);
    List<WeightMatrix> absorb = new ArrayList<>();
    List<WeightMatrix> values = new ArrayList<>();
    for (int h = 0; h < mixer.heads(); h++) {
      absorb.add(source.matrix(mixer.queryDim(), absorbing(mixer, rows, h * each * latent)));
      int first = h * each + mixer.noPeDim();
      values.add(source.matrix(latent, new RowBlock(both, first, mixer.valueDim(), stored)));
    }
    int queries = mixer.heads() * mixer.queryDim();
    int columns = mixer.heads() * mixer.valueDim();
    return new LatentAttentionWeights(
        mixer,
        source.matrix(
            hidden,
            RowBlock.all(own + "q_proj.weight", queries),
            RowBlock.all(own + "kv_a_proj_with_mqa.weight", mixer.rowDim())),
        source.vector(own + "kv_a_layernorm.weight", latent),
        absorb,
        values,
        source.matrix(columns, RowBlock.all(own + "o_proj.weight", hidden)));
  }

  /// The transposed rows of a head's keys, and ones for the part that all heads share.
  private static float[] absorbing(LatentAttention mixer, float[] rows, int from) {
    int columns = mixer.queryDim();
    float[] matrix = new float[mixer.rowDim() * columns];
    for (int i = 0; i < mixer.latentDim(); i++) {
      for (int k = 0; k < mixer.noPeDim(); k++) {
        matrix[i * columns + k] = rows[from + k * mixer.latentDim() + i];
      }
    }
    for (int i = 0; i < mixer.sharedDim(); i++) {
      matrix[(mixer.latentDim() + i) * columns + mixer.noPeDim() + i] = 1;
    }
    return matrix;
  }

  private static Part[] experts(ModelFolder folder, LayerTensors tensors) {
    CheckpointConfig config = folder.config();
    int experts = config.positiveInt("num_experts");
    int inner = config.positiveInt("moe_intermediate_size");
    Router router =
        ExpertTensors.sigmoid(folder, "moe_renormalize", true, 1e-20f, "num_expert_group");
    RoutedMlp routed =
        new RoutedMlp(
            experts,
            ExpertTensors.perToken(folder, "num_experts_per_token", experts),
            router,
            true,
            Activation.SILU,
            inner,
            0,
            0);
    String own = "block_sparse_moe.";
    Part chosen =
        ExpertTensors.each(own, "gate", "gate.e_score_correction_bias", List.of("w1", "w3", "w2"))
            .in(tensors, routed);
    int shared = config.count("num_shared_experts", 0);
    if (shared == 0) {
      return new Part[] {chosen};
    }
    GatedMlp always =
        new GatedMlp(folder.product(config, "num_shared_experts * width", shared, inner));
    return new Part[] {chosen, tensors.gatedMlp(always, own + "shared_experts.")};
  }
}
