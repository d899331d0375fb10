package dev.krait.loading;

import dev.krait.backend.Backend;
import dev.krait.backend.NumericMode;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.family.ModelFamilies;
import dev.krait.model.family.ModelFamily;
import dev.krait.model.family.ModelFolder;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/// Opens a checkpoint folder, says what model it is, and loads it.
public final class ModelLoader implements AutoCloseable {
  private final ModelFolder folder;
  private final ModelFamily family;
  private final ModelSpec spec;

  private ModelLoader(ModelFolder folder, ModelFamily family, ModelSpec spec) {
    this.folder = folder;
    this.family = family;
    this.spec = spec;
  }

  /// Reads configuration and headers; no weight is read yet.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming what is wrong with the
  ///   folder
  public static ModelLoader open(Path path) {
    ModelFolder folder = ModelFolder.open(path);
    try {
      ModelFamily family = ModelFamilies.of(folder);
      return new ModelLoader(folder, family, family.describe(folder));
    } catch (RuntimeException failure) {
      folder.close();
      throw failure;
    }
  }

  /// The model of the folder.
  public ModelSpec spec() {
    return spec;
  }

  /// The opened folder.
  public ModelFolder folder() {
    return folder;
  }

  /// About how many bytes the weights will take, from the checkpoint's headers alone.
  public long weightBytes(StoredType type) {
    long bytes = 0;
    for (String name : folder.checkpoint().names()) {
      Tensor tensor = folder.checkpoint().require(name);
      bytes += tensor.shape().elements() * type.target().orElse(tensor.dtype()).bytes();
    }
    return bytes;
  }

  /// The numeric modes that keep the weights' precision: `bf16` where every matrix is bf16. Reads
  /// no matrix.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming a tensor that is missing
  public Set<NumericMode> numericModes(StoredType type) {
    MatrixTypes types = new MatrixTypes(folder.checkpoint(), type);
    family.weights(spec, folder, types);
    return types.found().equals(Set.of(DType.BF16))
        ? EnumSet.allOf(NumericMode.class)
        : EnumSet.of(NumericMode.EXACT);
  }

  /// Loads all weights.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming a tensor that is missing,
  ///   unused or misshapen
  public LoadedModel load(Backend backend, StoredType type) {
    CheckpointWeights source = new CheckpointWeights(folder.checkpoint(), backend, type);
    ModelWeights weights = family.weights(spec, folder, source);
    source.requireAllUsed();
    folder.checkpoint().requireUncut();
    return new LoadedModel(spec, weights, backend, source.bytes());
  }

  @Override
  public void close() {
    folder.close();
  }
}
