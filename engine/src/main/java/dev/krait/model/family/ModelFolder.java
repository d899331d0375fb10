package dev.krait.model.family;

import dev.krait.checkpoint.Checkpoint;
import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.error.EngineException;
import java.nio.file.Path;
import java.util.Optional;

/// A checkpoint folder, opened: its configuration files and its tensors, mapped but not read.
///
/// @param path the folder
/// @param config config.json
/// @param mambaConfig mamba_config.json of the MambaInLlama families
/// @param checkpoint its tensors
public record ModelFolder(
    Path path,
    CheckpointConfig config,
    Optional<CheckpointConfig> mambaConfig,
    Checkpoint checkpoint)
    implements AutoCloseable {

  /// Opens a folder.
  ///
  /// @throws EngineException INVALID_CHECKPOINT or NOT_FOUND naming what is missing or broken
  public static ModelFolder open(Path path) {
    CheckpointConfig config = CheckpointConfig.read(path.resolve("config.json"));
    Optional<CheckpointConfig> mambaConfig =
        CheckpointConfig.readIfPresent(path.resolve("mamba_config.json"));
    return new ModelFolder(path, config, mambaConfig, Checkpoint.open(path));
  }

  /// True when the configuration names the architecture.
  boolean hasArchitecture(String name) {
    return config.has("architectures") && config.texts("architectures").contains(name);
  }

  /// True when some tensor's name ends so.
  boolean hasTensorEnding(String suffix) {
    return checkpoint.names().stream().anyMatch(name -> name.endsWith(suffix));
  }

  /// True when some tensor's name contains the text.
  boolean hasTensorContaining(String text) {
    return checkpoint.names().stream().anyMatch(name -> name.contains(text));
  }

  /// First dimension of a tensor.
  int rowsOf(String name) {
    return Math.toIntExact(checkpoint.require(name).shape().dim(0));
  }

  /// Refuses a switch that Krait does not compute.
  void require(boolean holds, CheckpointConfig in, String key, String expected) {
    if (!holds) {
      throw EngineException.invalidCheckpoint(
          in.file()
              + ": "
              + key
              + " has a value that is not supported (expected: "
              + expected
              + ")");
    }
  }

  @Override
  public void close() {
    checkpoint.close();
  }
}
