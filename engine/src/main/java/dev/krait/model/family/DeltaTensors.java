package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.Activation;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.MixerWeights.DeltaVectors;
import dev.krait.model.MixerWeights.GatedDeltaNetWeights;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Where a gated delta net has its tensors.
///
/// @param prefix of all names
/// @param hidden width of the residual stream
/// @param mixer what they are the weights of
record DeltaTensors(String prefix, int hidden, GatedDeltaNet mixer) {

  /// A net with one decay a head and silu as its gate, by the keys `linear_num_key_heads` and so
  /// on.
  ///
  /// @param betaScale 2 where a state may also be reflected
  /// @param normEpsilon of the output's norm
  static GatedDeltaNet mixer(ModelFolder folder, float betaScale, float normEpsilon) {
    CheckpointConfig config = folder.config();
    int keyHeads = config.positiveInt("linear_num_key_heads");
    int valueHeads = config.positiveInt("linear_num_value_heads");
    folder.require(
        valueHeads % keyHeads == 0,
        config,
        "linear_num_value_heads",
        "a multiple of linear_num_key_heads " + keyHeads);
    int keyDim = config.positiveInt("linear_key_head_dim");
    int valueDim = config.positiveInt("linear_value_head_dim");
    int values = folder.product(config, "value heads * their size", valueHeads, valueDim);
    folder.product(config, "value heads * sizes of a head", values, keyDim);
    int convWidth = config.positiveInt("linear_conv_kernel_dim", 4);
    int keys = folder.product(config, "key heads * their size", keyHeads, keyDim);
    folder.product(
        config, "channels * linear_conv_kernel_dim", 3 * Math.max(values, keys), convWidth);
    return new GatedDeltaNet(
        keyHeads,
        valueHeads,
        keyDim,
        valueDim,
        convWidth,
        betaScale,
        0,
        Activation.SILU,
        normEpsilon);
  }

  /// q, k, v in one projection and one convolution; z, b and a for themselves (Qwen3.5).
  Part flat() {
    return part(
        List.of(
            all("in_proj_qkv", mixer.convChannels()),
            all("in_proj_b", mixer.valueHeads()),
            all("in_proj_z", mixer.valueColumns()),
            all("in_proj_a", mixer.valueHeads())),
        List.of(all("conv1d", mixer.convChannels())),
        "norm",
        "out_proj");
  }

  /// Two projections whose rows go key head by key head: q, k, v, z and b, a (Qwen3-Next).
  Part interleaved() {
    int heads = mixer.keyHeads();
    int keyDim = mixer.keyDim();
    int values = mixer.valueColumns() / heads;
    int scalars = mixer.valueHeads() / heads;
    int wide = 2 * keyDim + 2 * values;
    List<RowBlock> rows = new ArrayList<>();
    addEach(rows, "in_proj_qkvz", wide, 0, keyDim);
    addEach(rows, "in_proj_qkvz", wide, keyDim, keyDim);
    addEach(rows, "in_proj_qkvz", wide, 2 * keyDim, values);
    addEach(rows, "in_proj_ba", 2 * scalars, 0, scalars);
    addEach(rows, "in_proj_qkvz", wide, 2 * keyDim + values, values);
    addEach(rows, "in_proj_ba", 2 * scalars, scalars, scalars);
    return part(rows, List.of(all("conv1d", mixer.convChannels())), "norm", "out_proj");
  }

  /// Some rows of each key head's.
  private void addEach(List<RowBlock> rows, String part, int each, int first, int count) {
    int stored = each * mixer.keyHeads();
    for (int h = 0; h < mixer.keyHeads(); h++) {
      rows.add(new RowBlock(name(part), h * each + first, count, stored));
    }
  }

  /// Everything for itself, convolutions too; with a low rank, what gate and decay are projected
  /// from (OLMo-Hybrid, Kimi-Linear).
  ///
  /// @param thirds whether the three tensors of the convolution have as many channels each,
  ///   whatever q, k and v have, as Transformers saves it
  Part split(boolean thirds) {
    int third = mixer.convChannels() / 3;
    boolean low = mixer.lowRank() > 0;
    return part(
        List.of(
            all("q_proj", mixer.keyColumns()),
            all("k_proj", mixer.keyColumns()),
            all("v_proj", mixer.valueColumns()),
            all("b_proj", mixer.valueHeads()),
            low ? all("g_a_proj", mixer.lowRank()) : all("g_proj", mixer.valueColumns()),
            low ? all("f_a_proj", mixer.lowRank()) : all("a_proj", mixer.valueHeads())),
        List.of(
            all("q_conv1d", thirds ? third : mixer.keyColumns()),
            all("k_conv1d", thirds ? third : mixer.keyColumns()),
            all("v_conv1d", thirds ? third : mixer.valueColumns())),
        "o_norm",
        "o_proj");
  }

  private String name(String part) {
    return prefix + part + ".weight";
  }

  private RowBlock all(String part, int rows) {
    return RowBlock.all(name(part), rows);
  }

  private Part part(List<RowBlock> rows, List<RowBlock> convs, String norm, String output) {
    return new Part(
        mixer,
        1,
        source ->
            new GatedDeltaNetWeights(
                mixer,
                source.matrix(hidden, rows.toArray(RowBlock[]::new)),
                low(source, "g_b_proj", mixer.valueColumns()),
                low(source, "f_b_proj", mixer.decays()),
                source.buffer(taps(source, convs)),
                source.vector(prefix + "dt_bias", mixer.decays()),
                source.buffer(rates(source)),
                vectors(source),
                source.vector(name(norm), mixer.valueDim()),
                source.matrix(mixer.valueColumns(), all(output, hidden))));
  }

  private Optional<WeightMatrix> low(WeightSource source, String part, int rows) {
    return mixer.lowRank() == 0
        ? Optional.empty()
        : Optional.of(source.matrix(mixer.lowRank(), all(part, rows)));
  }

  /// The taps of all channels.
  private float[] taps(WeightSource source, List<RowBlock> convs) {
    float[] taps = new float[mixer.convChannels() * mixer.convWidth()];
    int to = 0;
    for (RowBlock conv : convs) {
      float[] own = source.values(conv.name(), conv.rows(), 1, mixer.convWidth());
      System.arraycopy(own, 0, taps, to, own.length);
      to += own.length;
    }
    return taps;
  }

  /// `-exp(A_log)`.
  private float[] rates(WeightSource source) {
    int heads = mixer.valueHeads();
    float[] rates =
        mixer.lowRank() > 0
            ? source.values(prefix + "A_log", 1, 1, heads, 1)
            : source.values(prefix + "A_log", heads);
    for (int h = 0; h < heads; h++) {
      rates[h] = (float) -Math.exp(rates[h]);
    }
    return rates;
  }

  private DeltaVectors vectors(WeightSource source) {
    float[] query = new float[mixer.keyDim()];
    float[] key = new float[mixer.keyDim()];
    Arrays.fill(query, 1f / mixer.keyDim());
    Arrays.fill(key, (float) (1 / Math.sqrt(mixer.keyDim())));
    return new DeltaVectors(
        source.buffer(new float[mixer.convChannels()]), source.buffer(query), source.buffer(key));
  }
}
