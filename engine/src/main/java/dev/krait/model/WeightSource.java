package dev.krait.model;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.WeightMatrix;

/// Where a family takes its weights from, by checkpoint name. Every name that is asked for counts
/// as used; a checkpoint with an unused tensor does not load.
public interface WeightSource {

  /// Rows `[first, first + rows)` of a stored matrix that has `storedRows` rows, or of a stack of
  /// such matrices, whose rows count on.
  ///
  /// @param name tensor name
  /// @param first first row taken
  /// @param rows rows taken
  /// @param storedRows rows that the tensor, or each matrix of it, must have
  /// @param stack matrices of a tensor of three dimensions; 0 for one of two
  record RowBlock(String name, int first, int rows, int storedRows, int stack) {
    /// Rows of a matrix.
    public RowBlock(String name, int first, int rows, int storedRows) {
      this(name, first, rows, storedRows, 0);
    }

    /// All rows of a tensor.
    public static RowBlock all(String name, int rows) {
      return new RowBlock(name, 0, rows, rows);
    }

    /// All rows of one of a stack of matrices.
    public static RowBlock of(String name, int index, int rows, int stack) {
      return new RowBlock(name, index * rows, rows, rows, stack);
    }
  }

  /// True when the checkpoint has the tensor.
  boolean has(String name);

  /// A matrix from stacked row blocks.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT when a tensor is missing or has
  ///   another shape
  WeightMatrix matrix(int columns, RowBlock... blocks);

  /// A matrix of computed values, row after row.
  WeightMatrix matrix(int columns, float[] values);

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
