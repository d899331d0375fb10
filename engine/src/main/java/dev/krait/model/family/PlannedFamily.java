package dev.krait.model.family;

import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.WeightSource;

/// A family that describes its model and says where its weights lie in one go.
interface PlannedFamily extends ModelFamily {

  /// The layers of a folder.
  ModelPlan plan(ModelFolder folder);

  /// Whether the embedding is the head where none is stored.
  default boolean tied(ModelFolder folder) {
    return folder.config().flag("tie_word_embeddings", false);
  }

  @Override
  default ModelSpec describe(ModelFolder folder) {
    return plan(folder.text()).spec();
  }

  @Override
  default ModelWeights weights(ModelSpec spec, ModelFolder folder, WeightSource source) {
    return plan(folder.text()).weights(source, tied(folder.text()));
  }
}
