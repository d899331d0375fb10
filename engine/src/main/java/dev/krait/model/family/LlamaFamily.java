package dev.krait.model.family;

import dev.krait.model.Mixer.Attention;

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
  public ModelPlan plan(ModelFolder folder) {
    Attention attention = LlamaLayers.attention(folder, true);
    String architecture = folder.hasArchitecture("MistralForCausalLM") ? "Mistral" : "Llama";
    return LlamaLayers.plan(folder, architecture, (tensors, layer) -> tensors.attention(attention));
  }
}
