package dev.krait.backend;

import dev.krait.error.EngineException;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import java.util.List;

/// Blocks of rows of one float type and width that become one matrix, stacked in order.
///
/// @param blocks matrices `[n, columns]`
/// @param rows rows of all blocks
/// @param columns width of each
/// @param dtype their type
public record RowBlocks(List<Tensor> blocks, int rows, int columns, DType dtype) {

  /// Checks that blocks fit together.
  ///
  /// @throws EngineException INVALID_CHECKPOINT naming the first that does not
  public static RowBlocks of(List<Tensor> blocks) {
    Tensor first = blocks.getFirst();
    long rows = 0;
    for (Tensor block : blocks) {
      if (block.shape().rank() != 2
          || block.shape().dim(1) != first.shape().dim(1)
          || block.dtype() != first.dtype()
          || !block.dtype().isFloat()) {
        throw EngineException.invalidCheckpoint(
            "row block: "
                + block.dtype()
                + block.shape()
                + " (expected: "
                + first.dtype()
                + " [rows, "
                + first.shape().dim(1)
                + "] of a float type)");
      }
      rows += block.shape().dim(0);
    }
    return new RowBlocks(
        List.copyOf(blocks),
        Math.toIntExact(rows),
        Math.toIntExact(first.shape().dim(1)),
        first.dtype());
  }

  /// The type that they are computed with: fp64 is narrowed to fp32.
  public DType computed() {
    return dtype == DType.F64 ? DType.F32 : dtype;
  }
}
