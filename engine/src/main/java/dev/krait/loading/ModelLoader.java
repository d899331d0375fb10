package dev.krait.loading;

import dev.krait.backend.Backend;
import dev.krait.backend.HostBuffer;
import dev.krait.backend.NumericMode;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.family.ModelFamilies;
import dev.krait.model.family.ModelFamily;
import dev.krait.model.family.ModelFolder;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

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
    } catch (IllegalArgumentException misfit) {
      // What the records of a model refuse: numbers that do not fit together.
      folder.close();
      throw EngineException.invalidCheckpoint(folder.config().file() + ": " + misfit.getMessage());
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

  /// Prefixes of the tensors that are left out, such as those of a vision tower.
  public List<String> skipped() {
    return family.skipped().stream()
        .filter(prefix ->
            folder.checkpoint().names().stream().anyMatch(name -> name.startsWith(prefix)))
        .toList();
  }

  /// Names of the tensors that have a role in the model.
  private List<String> names() {
    return folder.checkpoint().names().stream()
        .filter(name -> family.skipped().stream().noneMatch(name::startsWith))
        .toList();
  }

  /// About how many bytes the weights will take, from the checkpoint's headers alone.
  public long weightBytes(StoredType type) {
    long bytes = 0;
    for (String name : names()) {
      Tensor tensor = folder.checkpoint().require(name);
      bytes += tensor.shape().elements() * type.target().orElse(tensor.dtype()).bytes();
    }
    return bytes;
  }

  /// A digest of the tensors that have a role in the model. All of them are read, in parallel.
  public String weightsDigest() {
    return ModelDigests.ofTensors(folder.checkpoint(), names());
  }

  /// A digest of the files that describe the model.
  public String configDigest() {
    return ModelDigests.ofConfiguration(folder);
  }

  /// Whether a numeric mode keeps the precision of every matrix; loads none.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming a tensor that is missing or
  ///   misshapen
  public boolean fits(NumericMode mode, StoredType type) {
    if (mode == NumericMode.EXACT) {
      return true;
    }
    List<StoredMatrix> others = new ArrayList<>();
    CheckpointWeights source =
        new CheckpointWeights(
            folder.checkpoint(),
            names(),
            type,
            matrix -> {
              if (!mode.fits(matrix)) {
                others.add(matrix);
              }
              return new NotLoaded(matrix.rows(), matrix.columns());
            },
            HostBuffer::over);
    family.weights(folder, source);
    return others.isEmpty();
  }

  /// Stands for a matrix.
  private record NotLoaded(int rows, int columns) implements WeightMatrix {
    @Override
    public long bytes() {
      return 0;
    }
  }

  /// Loads all weights.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming a tensor that is missing,
  ///   unused or misshapen; UNSUPPORTED naming a mixer that the backend does not compute
  public LoadedModel load(Backend backend, StoredType type) {
    spec.mixers()
        .flatMap(mixer -> backend.missing(mixer).stream())
        .findFirst()
        .ifPresent(what -> {
          throw new EngineException(
              ErrorCode.UNSUPPORTED,
              "model %s: the backend %s does not have %s yet (expected: --backend cpu)"
                  .formatted(spec.architecture(), backend.name(), what));
        });
    CheckpointWeights source =
        new CheckpointWeights(
            folder.checkpoint(), names(), type, backend::upload, backend::bufferOf);
    ModelWeights weights = family.weights(folder, source);
    source.requireAllUsed();
    folder.checkpoint().requireUncut();
    return new LoadedModel(spec, weights, backend, source.bytes());
  }

  @Override
  public void close() {
    folder.close();
  }
}
