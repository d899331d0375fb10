package dev.krait.model;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;

/// Where a family takes its weights from, by checkpoint name. Every name that is asked for counts
/// as used; a checkpoint with an unused tensor does not load.
public interface WeightSource {

  /// Rows `[first, first + rows)` of a stored matrix that has `storedRows` rows.
  ///
  /// @param name tensor name
  /// @param first first row taken
  /// @param rows rows taken
  /// @param storedRows rows that the tensor must have
  record RowBlock(String name, int first, int rows, int storedRows) {
    /// All rows of a tensor.
    public static RowBlock all(String name, int rows) {
      return new RowBlock(name, 0, rows, rows);
    }
  }

  /// True when the checkpoint has the tensor.
  boolean has(String name);

  /// A matrix from stacked row blocks.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT when a tensor is missing or has
  ///   another shape
  WeightMatrix matrix(int columns, RowBlock... blocks);

  /// The output head: the stored tensor, or the embedding itself where both are the same memory or
  /// values.
  WeightMatrix head(
      String name, int rows, int columns, String embeddingName, WeightMatrix embedding);

  /// All values of a tensor of the given shape, widened.
  float[] values(String name, long... shape);

  /// A device buffer with the given values.
  Buffer buffer(float[] values);

  /// All values of a tensor of the given shape, in device memory.
  default Buffer vector(String name, long... shape) {
    return buffer(values(name, shape));
  }
}
