package dev.krait.model.family;

import dev.krait.model.Mixer.Mamba1;
import java.util.List;

/// Falcon-Mamba: pure Mamba-1 that norms the low-rank step size, B and C, without weights.
public final class FalconMambaFamily implements ModelFamily {

  /// The family.
  public FalconMambaFamily() {}

  @Override
  public String accepted() {
    return "FalconMambaForCausalLM";
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
    Mamba1 plain = MambaFamily.transformersMixer(folder);
    Mamba1 normed =
        new Mamba1(
            plain.innerDim(),
            plain.xDim(),
            plain.stateDim(),
            plain.convWidth(),
            plain.timeStepRank(),
            plain.bGroups(),
            plain.cGroups(),
            plain.selectsFromConv(),
            folder.epsilon("mixer_rms_eps", 1e-6));
    return MambaFamily.transformers(
        folder, "FalconMamba", tensors -> tensors.mamba1(normed, MambaFamily.MIXER, List.of()));
  }
}
