package dev.krait.model.family;

import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.WeightSource;
import java.util.List;

/// Checkpoints that share a layout.
public interface ModelFamily {

  /// What the folder must hold, for people: shown when no family accepts a folder. Names every
  /// architecture of a `config.json` that the family accepts.
  String accepted();

  /// True when the folder is of this family.
  boolean accepts(ModelFolder folder);

  /// Prefixes of tensors that its checkpoints may have and that text alone does not need: vision
  /// towers, layers that predict further tokens.
  default List<String> skipped() {
    return List.of();
  }

  /// The layers of a folder and where their weights lie.
  ///
  /// @param folder whose configuration is that of the language model
  ModelPlan plan(ModelFolder folder);

  /// Whether the embedding is the head where none is stored.
  default boolean tied(ModelFolder folder) {
    return folder.config().flag("tie_word_embeddings", false);
  }

  /// The model that the configuration describes; no weight is read.
  default ModelSpec describe(ModelFolder folder) {
    return plan(folder.text()).spec();
  }

  /// The weights of the model.
  default ModelWeights weights(ModelFolder folder, WeightSource source) {
    return plan(folder.text()).weights(source, tied(folder.text()));
  }
}
