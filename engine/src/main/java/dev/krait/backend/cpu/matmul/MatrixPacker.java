package dev.krait.backend.cpu.matmul;

import dev.krait.backend.RowBlocks;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/// Packs row-major blocks into the tiles of a [CpuMatrix], a tile at a time.
public final class MatrixPacker implements WorkerPool.Task {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;

  private final List<Tensor> blocks;
  private final CpuMatrix matrix;

  private MatrixPacker(List<Tensor> blocks, CpuMatrix matrix) {
    this.blocks = blocks;
    this.matrix = matrix;
  }

  /// A packed copy of the stacked blocks.
  public static CpuMatrix pack(List<Tensor> blocks, SegmentAllocator memory, WorkerPool pool) {
    RowBlocks checked = RowBlocks.of(blocks);
    CpuMatrix matrix =
        CpuMatrix.allocate(memory, checked.rows(), checked.columns(), checked.computed());
    pool.parallelFor(new MatrixPacker(checked.blocks(), matrix), matrix.tiles(), 1);
    return matrix;
  }

  @Override
  public void run(int worker, int first, int end) {
    switch (matrix.format()) {
      case BF16, F16 -> packHalves(first, end);
      case F32 -> packFloats(first, end);
    }
  }

  private void packHalves(int first, int end) {
    int columns = matrix.columns();
    short[] line = new short[columns];
    short[] packed = new short[TILE_ROWS * columns];
    for (int tile = first; tile < end; tile++) {
      for (int r = 0; r < TILE_ROWS; r++) {
        readHalves(tile * TILE_ROWS + r, line);
        int to = matrix.format().place(r, Lanes.COUNT);
        for (int k = 0; k < columns; k++) {
          packed[k * TILE_ROWS + to] = line[k];
        }
      }
      MemorySegment target = matrix.piece(tile);
      long from = matrix.tileFrom(tile);
      MemorySegment.copy(packed, 0, target, ValueLayout.JAVA_SHORT, from, packed.length);
    }
  }

  private void packFloats(int first, int end) {
    int columns = matrix.columns();
    float[] line = new float[columns];
    float[] packed = new float[TILE_ROWS * columns];
    for (int tile = first; tile < end; tile++) {
      for (int r = 0; r < TILE_ROWS; r++) {
        readFloats(tile * TILE_ROWS + r, line);
        for (int k = 0; k < columns; k++) {
          packed[k * TILE_ROWS + r] = line[k];
        }
      }
      MemorySegment target = matrix.piece(tile);
      long from = matrix.tileFrom(tile);
      MemorySegment.copy(packed, 0, target, ValueLayout.JAVA_FLOAT, from, packed.length);
    }
  }

  private void readHalves(int row, short[] line) {
    int index = row;
    for (Tensor block : blocks) {
      int blockRows = (int) block.shape().dim(0);
      if (index < blockRows) {
        long from = (long) index * line.length * Short.BYTES;
        MemorySegment.copy(block.data(), SHORT, from, line, 0, line.length);
        return;
      }
      index -= blockRows;
    }
    Arrays.fill(line, (short) 0);
  }

  private void readFloats(int row, float[] line) {
    int index = row;
    for (Tensor block : blocks) {
      int blockRows = (int) block.shape().dim(0);
      if (index < blockRows) {
        long from = (long) index * line.length;
        if (block.dtype() == DType.F32) {
          MemorySegment.copy(block.data(), FLOAT, from * Float.BYTES, line, 0, line.length);
        } else {
          for (int k = 0; k < line.length; k++) {
            line[k] = block.floatAt(from + k);
          }
        }
        return;
      }
      index -= blockRows;
    }
    Arrays.fill(line, 0);
  }
}
