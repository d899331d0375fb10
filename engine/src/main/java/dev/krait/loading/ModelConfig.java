package dev.krait.loading;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.checkpoint.CheckpointFolder;
import dev.krait.error.EngineException;
import dev.krait.model.family.ModelFamilies;
import dev.krait.model.family.ModelFamily;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/// What `config.json` alone tells about a folder whose weights are not there yet.
public final class ModelConfig {
  private ModelConfig() {}

  /// Refuses a model that cannot be served whatever its weights are: quantised, or of an
  /// architecture that no family names. What passes may still be refused once it is whole.
  ///
  /// @throws EngineException INVALID_CHECKPOINT that says what the folder has and what is supported
  public static void require(Path folder) {
    CheckpointConfig config = CheckpointConfig.read(folder.resolve("config.json"));
    CheckpointFolder.requireUnquantised(config);
    List<String> named = config.texts("architectures");
    String supported =
        ModelFamilies.all().stream().map(ModelFamily::accepted).collect(Collectors.joining("; "));
    if (!named.isEmpty() && named.stream().noneMatch(supported::contains)) {
      throw EngineException.invalidCheckpoint(
          config.file()
              + ": architecture: "
              + String.join(", ", named)
              + " (expected: "
              + supported
              + ")");
    }
  }
}
