package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.tensor.DType;
import java.util.List;
import java.util.stream.Stream;

/// The whole description of a model: embedding, layers of residual blocks, final norm, head.
///
/// @param architecture name of the family, such as `MambaInLlama`
/// @param hiddenDim width of the residual stream
/// @param vocabSize real token ids; prompts and output stay below this
/// @param headRows rows of the output head, `vocabSize` or more where the checkpoint pads it
/// @param layers layers in order, each a list of residual blocks
/// @param finalNorm norm before the head
/// @param maxTokens longest sequence that the model was made for
/// @param embeddingScale what embeddings are multiplied with
/// @param logitScale what logits are multiplied with
public record ModelSpec(
    String architecture,
    int hiddenDim,
    int vocabSize,
    int headRows,
    List<List<ResidualBlock>> layers,
    Norm finalNorm,
    int maxTokens,
    float embeddingScale,
    float logitScale) {

  /// A model without multipliers.
  public ModelSpec(
      String architecture,
      int hiddenDim,
      int vocabSize,
      int headRows,
      List<List<ResidualBlock>> layers,
      Norm finalNorm,
      int maxTokens) {
    this(architecture, hiddenDim, vocabSize, headRows, layers, finalNorm, maxTokens, 1, 1);
  }

  /// Checks facts across layers.
  public ModelSpec {
    layers = layers.stream().map(List::copyOf).toList();
    if (vocabSize <= 0 || headRows < vocabSize) {
      throw new IllegalArgumentException(
          "headRows: " + headRows + " (expected: at least vocabSize " + vocabSize + ")");
    }
    for (List<ResidualBlock> layer : layers) {
      for (ResidualBlock block : layer) {
        if (block.norm().width() != hiddenDim) {
          throw new IllegalArgumentException(
              "norm width: " + block.norm().width() + " (expected: hiddenDim " + hiddenDim + ")");
        }
      }
    }
  }

  /// All mixers, in order.
  public Stream<Mixer> mixers() {
    return layers.stream().flatMap(List::stream).flatMap(ResidualBlock::allMixers);
  }

  /// True when some block has a side path.
  public boolean hasSidePaths() {
    return layers.stream().flatMap(List::stream).anyMatch(block -> block.side().isPresent());
  }

  /// Cache specifications of all mixers that remember something, in order; fp32 throughout.
  public List<CacheSpec> cacheSpecs() {
    return cacheSpecs(DType.F32);
  }

  /// The same with keys and values of a type.
  public List<CacheSpec> cacheSpecs(DType keyValueType) {
    return mixers()
        .flatMap(mixer -> mixer.cacheSpec().stream())
        .map(spec -> spec instanceof KvCacheSpec kv ? kv.withType(keyValueType) : spec)
        .toList();
  }
}
