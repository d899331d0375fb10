package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.MixerWeights.GatedMlpWeights;
import dev.krait.model.ModelWeights.SideWeights;
import dev.krait.model.Norm;
import dev.krait.model.SidePath;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Shell;
import dev.krait.model.family.ModelPlan.SidePart;
import dev.krait.tensor.WeightMatrix;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Zamba2: Mamba-2 in every layer and, on the way into some of them, one of few blocks of attention
/// and feed-forward that take turns, with low-rank parts of their own for each use.
///
/// The matrices of a block are kept once, but for gate and up of its feed-forward, into which each
/// use's low-rank part is multiplied. Step sizes are not clipped.
public final class Zamba2Family implements ModelFamily {
  private static final String HYBRID = "hybrid";
  private static final Mamba2Keys MAMBA =
      new Mamba2Keys(
          "n_mamba_heads", "mamba_headdim", "mamba_d_state", "mamba_ngroups", "mamba_d_conv");

  /// The family.
  public Zamba2Family() {}

  @Override
  public String accepted() {
    return "Zamba2ForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.hasArchitecture(accepted());
  }

  @Override
  public boolean tied(ModelFolder folder) {
    return folder.config().flag("tie_word_embeddings", true);
  }

  @Override
  public ModelPlan plan(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    requireComputed(folder);
    float epsilon = folder.epsilon("rms_norm_eps", 1e-5);
    int hidden = config.positiveInt("hidden_size");
    int rank = config.positiveInt("adapter_rank");
    int shared = config.positiveInt("num_mem_blocks", 1);
    Mamba2 mamba = MAMBA.read(folder, epsilon);
    SidePath path = path(folder, hidden, epsilon);
    ModelPlan plan =
        new ModelPlan(folder, Shell.of("Zamba2", "model.final_layernorm.weight", epsilon));
    List<String> types =
        folder.layerTypes("layers_block_type", "model.layers.", Set.of("mamba", HYBRID));
    List<Integer> uses =
        java.util.stream.IntStream.range(0, types.size())
            .filter(i -> types.get(i).equals(HYBRID))
            .boxed()
            .toList();
    Map<String, WeightMatrix> kept = new HashMap<>();
    for (int i = 0; i < types.size(); i++) {
      String prefix = "model.layers." + i + ".";
      int use = uses.indexOf(i);
      plan.layer();
      if (use < 0) {
        LayerTensors tensors = new LayerTensors(prefix, hidden, false);
        plan.block(prefix + "input_layernorm.weight", tensors.mamba2(mamba, "mamba."));
      } else {
        LayerTensors tensors = new LayerTensors(prefix + "mamba_decoder.", hidden, false);
        String own = "model.layers." + uses.get(use % shared) + ".shared_transformer.";
        Use at = new Use(own, prefix + "linear.weight", use, rank, kept);
        plan.blockWithSide(
            tensors.prefix() + "input_layernorm.weight",
            new SidePart(path, source -> at.read(path, hidden, source)),
            tensors.mamba2(mamba, "mamba."));
      }
    }
    return plan;
  }

  private static void requireComputed(ModelFolder folder) {
    CheckpointConfig config = folder.config();
    for (String key :
        List.of("add_bias_linear", "use_long_context", "use_shared_attention_adapter")) {
      folder.require(!config.flag(key, false), config, key, "false");
    }
    folder.require(
        config.optionalText("hidden_act").orElse("gelu").equals("gelu"),
        config,
        "hidden_act",
        "gelu");
    if (config.has("time_step_limit")) {
      Mamba2Family.requireFreeTimeStep(config, "time_step_limit");
    }
  }

  private static SidePath path(ModelFolder folder, int hidden, float epsilon) {
    CheckpointConfig config = folder.config();
    int heads = config.positiveInt("num_attention_heads");
    int keyValues = config.positiveInt("num_key_value_heads", heads);
    folder.require(
        heads % keyValues == 0, config, "num_key_value_heads", "a divisor of " + heads + " heads");
    folder.require(
        2 * hidden % (2 * heads) == 0,
        config,
        "num_attention_heads",
        "heads of an even size that divide twice hidden_size " + hidden);
    int headDim = 2 * hidden / heads;
    Attention plain =
        Attention.of(heads, keyValues, headDim).withScale(1 / Math.sqrt(headDim / 2.0));
    RopeKeys.Reading reading =
        new RopeKeys.Reading(10_000, java.util.OptionalDouble.empty(), Set.of("use_mem_rope"));
    Attention attention =
        config.flag("use_mem_rope", false)
            ? plain.withRope(RopeKeys.read(config, headDim, true, reading))
            : plain;
    return new SidePath(
        new Norm(2 * hidden, epsilon),
        attention,
        new Norm(hidden, epsilon),
        new GatedMlp(config.positiveInt("intermediate_size"), Activation.GELU, 1));
  }

  /// One use of a shared block.
  ///
  /// @param own prefix of the block's tensors, in the first layer that uses it
  /// @param linear matrix of this use
  /// @param index of this use among all
  /// @param rank of its low-rank part
  /// @param kept matrices that have been read for another use
  private record Use(
      String own, String linear, int index, int rank, Map<String, WeightMatrix> kept) {

    SideWeights read(SidePath path, int hidden, WeightSource source) {
      Attention attention = path.attention();
      int query = attention.queryColumns();
      int keyValue = attention.keyValueColumns();
      String self = own + "self_attn.";
      WeightMatrix projection =
          kept.computeIfAbsent(
              self,
              name ->
                  source.matrix(
                      2 * hidden,
                      RowBlock.all(name + "q_proj.weight", query),
                      RowBlock.all(name + "k_proj.weight", keyValue),
                      RowBlock.all(name + "v_proj.weight", keyValue)));
      int inner = path.mlp().intermediateDim();
      return new SideWeights(
          path,
          source.vector(own + "input_layernorm.weight", 2L * hidden),
          AttentionWeights.of(
              attention, projection, once(source, self + "o_proj.weight", hidden, query)),
          source.vector(own + "pre_ff_layernorm.weight", hidden),
          new GatedMlpWeights(
              path.mlp(),
              source.matrix(hidden, gateUp(inner, hidden, source)),
              once(source, own + "feed_forward.down_proj.weight", hidden, inner)),
          source.matrix(hidden, RowBlock.all(linear, hidden)));
    }

    private WeightMatrix once(WeightSource source, String name, int rows, int columns) {
      return kept.computeIfAbsent(name, all -> source.matrix(columns, RowBlock.all(all, rows)));
    }

    /// `gate_up + second first`, the low-rank part of this use.
    private float[] gateUp(int inner, int hidden, WeightSource source) {
      String name = own + "feed_forward.gate_up_proj";
      String adapter = name + "_adapter_list." + index + ".";
      float[] sum = source.values(name + ".weight", 2L * inner, hidden);
      float[] first = source.values(adapter + "0.weight", rank, hidden);
      float[] second = source.values(adapter + "1.weight", 2L * inner, rank);
      for (int r = 0; r < 2 * inner; r++) {
        for (int k = 0; k < hidden; k++) {
          double more = 0;
          for (int j = 0; j < rank; j++) {
            more += (double) second[r * rank + j] * first[j * hidden + k];
          }
          sum[r * hidden + k] += (float) more;
        }
      }
      return sum;
    }
  }
}
