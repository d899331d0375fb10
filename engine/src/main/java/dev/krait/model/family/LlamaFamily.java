package dev.krait.model.family;

import dev.krait.model.FeedForward.GatedMlp;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.Norm;
import dev.krait.model.ResidualBlock;
import dev.krait.model.WeightSource;
import java.util.Collections;
import java.util.List;

/// Llama and Mistral: grouped-query attention and a gated feed-forward in each layer.
///
/// Configuration keys of Transformers 4 and 5 (`rope_theta` and `rope_scaling`, or
/// `rope_parameters`); Mistral adds `sliding_window`.
public final class LlamaFamily implements ModelFamily {

  /// The family.
  public LlamaFamily() {}

  @Override
  public String accepted() {
    return "LlamaForCausalLM or MistralForCausalLM";
  }

  @Override
  public boolean accepts(ModelFolder folder) {
    return folder.mambaConfig().isEmpty()
        && (folder.hasArchitecture("LlamaForCausalLM")
            || folder.hasArchitecture("MistralForCausalLM"));
  }

  @Override
  public ModelSpec describe(ModelFolder folder) {
    var config = folder.config();
    int hidden = config.positiveInt("hidden_size");
    int vocab = config.positiveInt("vocab_size");
    Norm norm = new Norm(hidden, LlamaLayers.epsilon(folder));
    Attention attention = LlamaLayers.attention(folder, true);
    GatedMlp mlp = LlamaLayers.mlp(folder);
    List<ResidualBlock> layer =
        List.of(ResidualBlock.of(norm, attention), ResidualBlock.of(norm, mlp));
    String architecture = folder.hasArchitecture("MistralForCausalLM") ? "Mistral" : "Llama";
    return new ModelSpec(
        architecture,
        hidden,
        vocab,
        vocab,
        Collections.nCopies(folder.depth("num_hidden_layers"), layer),
        norm,
        config.positiveInt("max_position_embeddings", 2048));
  }

  @Override
  public ModelWeights weights(ModelSpec spec, ModelFolder folder, WeightSource source) {
    return LlamaLayers.weights(
        spec,
        folder,
        source,
        (layer, mixer) -> LlamaLayers.mixer(layer, spec.hiddenDim(), mixer, source));
  }
}
