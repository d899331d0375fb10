package dev.krait.model.family;

import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.FeedForward.Mlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.MixerWeights.GatedMlpWeights;
import dev.krait.model.MixerWeights.MlpWeights;
import dev.krait.model.MixerWeights.ShortConvWeights;
import dev.krait.model.ShortConv;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Where mixers of a layer have their tensors, by the names that most families share.
///
/// @param prefix of the layer's names
/// @param hidden width of the residual stream
/// @param zeroCentred whether the weights of norms are stored less 1
record LayerTensors(String prefix, int hidden, boolean zeroCentred) {
  /// Names of attention.
  ///
  /// @param prefix behind that of the layer
  /// @param output name of the output projection
  /// @param queryNorm name of the norm of queries, where there is one
  /// @param keyNorm name of the norm of keys, where there is one
  record AttentionNames(String prefix, String output, String queryNorm, String keyNorm) {
    static final AttentionNames USUAL =
        new AttentionNames("self_attn.", "o_proj", "q_norm", "k_norm");
  }

  private String name(String part) {
    return prefix + part + ".weight";
  }

  /// Attention by the usual names.
  Part attention(Attention mixer) {
    return attention(mixer, AttentionNames.USUAL);
  }

  /// Attention. Rows of queries and of their gates come head by head.
  Part attention(Attention mixer, AttentionNames names) {
    return new Part(mixer, 1, source -> attention(mixer, names, source));
  }

  private AttentionWeights attention(Attention mixer, AttentionNames names, WeightSource source) {
    String own = names.prefix();
    Optional<Buffer> none = Optional.empty();
    int keyValue = mixer.keyValueColumns();
    int dim = mixer.headDim();
    int each = mixer.outputGate() ? 2 : 1;
    List<RowBlock> rows = new ArrayList<>();
    for (int part = 0; part < each; part++) {
      for (int h = 0; h < mixer.heads(); h++) {
        int first = (h * each + part) * dim;
        rows.add(new RowBlock(name(own + "q_proj"), first, dim, each * mixer.queryColumns()));
      }
      if (part == 0) {
        rows.add(RowBlock.all(name(own + "k_proj"), keyValue));
        rows.add(RowBlock.all(name(own + "v_proj"), keyValue));
      }
    }
    boolean normed = mixer.headNorm().isPresent();
    boolean whole = mixer.hasWholeNorm();
    return new AttentionWeights(
        mixer,
        source.matrix(hidden, rows.toArray(RowBlock[]::new)),
        none,
        normed ? norm(source, own + names.queryNorm(), whole ? mixer.queryColumns() : dim) : none,
        normed ? norm(source, own + names.keyNorm(), whole ? keyValue : dim) : none,
        matrix(source, own + names.output(), hidden, mixer.queryColumns()),
        none);
  }

  private Optional<Buffer> norm(WeightSource source, String part, int width) {
    return Optional.of(source.buffer(ModelPlan.norm(source, name(part), width, zeroCentred)));
  }

  /// A whole matrix.
  WeightMatrix matrix(WeightSource source, String part, int rows, int columns) {
    return source.matrix(columns, RowBlock.all(name(part), rows));
  }

  /// The gated feed-forward by the names of its three matrices.
  Part gatedMlp(GatedMlp mixer, String gate, String up, String down) {
    int inner = mixer.intermediateDim();
    return new Part(
        mixer,
        1,
        source ->
            new GatedMlpWeights(
                mixer,
                source.matrix(
                    hidden, RowBlock.all(name(gate), inner), RowBlock.all(name(up), inner)),
                matrix(source, down, hidden, inner)));
  }

  /// The gated feed-forward by a prefix of the usual names.
  Part gatedMlp(GatedMlp mixer, String own) {
    return gatedMlp(mixer, own + "gate_proj", own + "up_proj", own + "down_proj");
  }

  /// The gated feed-forward whose gate and up are one matrix.
  Part fusedMlp(GatedMlp mixer, String gateUp, String down) {
    int inner = mixer.intermediateDim();
    return new Part(
        mixer,
        1,
        source ->
            new GatedMlpWeights(
                mixer,
                matrix(source, gateUp, 2 * inner, hidden),
                matrix(source, down, hidden, inner)));
  }

  /// The plain feed-forward.
  Part mlp(Mlp mixer, String up, String down) {
    int inner = mixer.intermediateDim();
    return new Part(
        mixer,
        1,
        source ->
            new MlpWeights(
                mixer, matrix(source, up, inner, hidden), matrix(source, down, hidden, inner)));
  }

  /// Mamba-1 behind a prefix.
  ///
  /// @param innerNorms names of its inner norms
  Part mamba1(Mamba1 mixer, String own, List<String> innerNorms) {
    return new Part(
        mixer, 1, source -> MambaFamily.mixer(prefix + own, hidden, mixer, innerNorms, source));
  }

  /// Mamba-2 behind a prefix.
  Part mamba2(Mamba2 mixer, String own) {
    return new Part(mixer, 1, source -> Mamba2Family.mixer(prefix + own, hidden, mixer, source));
  }

  /// The short convolution behind a prefix.
  Part shortConv(ShortConv mixer, String own) {
    return new Part(
        mixer,
        1,
        source ->
            new ShortConvWeights(
                mixer,
                matrix(source, own + "in_proj", 3 * hidden, hidden),
                source.vector(name(own + "conv"), hidden, 1, mixer.convWidth()),
                source.buffer(new float[hidden]),
                matrix(source, own + "out_proj", hidden, hidden)));
  }
}
