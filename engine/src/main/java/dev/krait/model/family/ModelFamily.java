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

  /// The model that the configuration describes; no weight is read.
  ModelSpec describe(ModelFolder folder);

  /// The weights of a described model.
  ModelWeights weights(ModelSpec spec, ModelFolder folder, WeightSource source);
}
