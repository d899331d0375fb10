package dev.krait.backend.cpu;

import dev.krait.backend.RowBlocks;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// Packs row-major blocks into the tiles of a [CpuMatrix], a tile at a time.
final class MatrixPacker implements WorkerPool.Task {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;
  private static final int LANES = Lanes.COUNT;

  private final List<Tensor> blocks;
  private final CpuMatrix matrix;

  private MatrixPacker(List<Tensor> blocks, CpuMatrix matrix) {
    this.blocks = blocks;
    this.matrix = matrix;
  }

  /// A packed copy of the stacked blocks.
  static CpuMatrix pack(List<Tensor> blocks, SegmentAllocator memory, WorkerPool pool) {
    RowBlocks checked = RowBlocks.of(blocks);
    CpuMatrix matrix =
        CpuMatrix.allocate(memory, checked.rows(), checked.columns(), checked.computed());
    pool.parallelFor(new MatrixPacker(checked.blocks(), matrix), matrix.tiles(), 1);
    return matrix;
  }

  @Override
  public void run(int worker, int first, int end) {
    switch (blocks.getFirst().dtype()) {
      case BF16, F16 -> packHalves(first, end);
      default -> packFloats(first, end);
    }
  }

  private void packHalves(int first, int end) {
    int columns = matrix.columns();
    short[] rows = new short[TILE_ROWS * columns];
    int[] packed = new int[LANES * columns];
    for (int tile = first; tile < end; tile++) {
      for (int r = 0; r < TILE_ROWS; r++) {
        copyHalves(tile * TILE_ROWS + r, rows, r * columns);
      }
      for (int lane = 0; lane < LANES; lane++) {
        int low = lane * columns;
        int high = (lane + LANES) * columns;
        for (int k = 0; k < columns; k++) {
          packed[k * LANES + lane] = Short.toUnsignedInt(rows[low + k]) | rows[high + k] << 16;
        }
      }
      MemorySegment.copy(
          packed,
          0,
          matrix.piece(tile),
          ValueLayout.JAVA_INT,
          matrix.tileFrom(tile),
          packed.length);
    }
  }

  private void copyHalves(int row, short[] target, int to) {
    int columns = matrix.columns();
    int index = row;
    for (Tensor block : blocks) {
      int blockRows = (int) block.shape().dim(0);
      if (index < blockRows) {
        long from = (long) index * columns * Short.BYTES;
        MemorySegment.copy(block.data(), SHORT, from, target, to, columns);
        return;
      }
      index -= blockRows;
    }
    java.util.Arrays.fill(target, to, to + columns, (short) 0);
  }

  private void packFloats(int first, int end) {
    int columns = matrix.columns();
    float[] rows = new float[TILE_ROWS * columns];
    float[] packed = new float[TILE_ROWS * columns];
    for (int tile = first; tile < end; tile++) {
      for (int r = 0; r < TILE_ROWS; r++) {
        copyFloats(tile * TILE_ROWS + r, rows, r * columns);
        for (int k = 0; k < columns; k++) {
          packed[k * TILE_ROWS + r] = rows[r * columns + k];
        }
      }
      MemorySegment.copy(
          packed,
          0,
          matrix.piece(tile),
          ValueLayout.JAVA_FLOAT,
          matrix.tileFrom(tile),
          packed.length);
    }
  }

  private void copyFloats(int row, float[] target, int to) {
    int columns = matrix.columns();
    int index = row;
    for (Tensor block : blocks) {
      int blockRows = (int) block.shape().dim(0);
      if (index < blockRows) {
        long from = (long) index * columns;
        if (block.dtype() == DType.F32) {
          MemorySegment.copy(block.data(), FLOAT, from * Float.BYTES, target, to, columns);
        } else {
          for (int k = 0; k < columns; k++) {
            target[to + k] = block.floatAt(from + k);
          }
        }
        return;
      }
      index -= blockRows;
    }
    java.util.Arrays.fill(target, to, to + columns, 0);
  }
}
