package dev.krait.backend.cpu.matmul;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.StoredMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/// Packs stored rows into the tiles of a [CpuMatrix], a tile at a time.
public final class MatrixPacker implements WorkerPool.Task {
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;

  private final StoredMatrix.Dense stored;
  private final CpuMatrix matrix;

  private MatrixPacker(StoredMatrix.Dense stored, CpuMatrix matrix) {
    this.stored = stored;
    this.matrix = matrix;
  }

  /// A packed copy.
  public static CpuMatrix pack(
      StoredMatrix.Dense stored, SegmentAllocator memory, WorkerPool pool) {
    CpuMatrix matrix = CpuMatrix.allocate(memory, stored.rows(), stored.columns(), stored.dtype());
    pool.parallelFor(new MatrixPacker(stored, matrix), matrix.tiles(), 1);
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
    short[] rows = new short[TILE_ROWS * columns];
    MemorySegment read = MemorySegment.ofArray(rows);
    short[] packed = new short[TILE_ROWS * columns];
    for (int tile = first; tile < end; tile++) {
      readTile(tile, read);
      for (int r = 0; r < TILE_ROWS; r++) {
        int to = matrix.format().place(r, Lanes.COUNT);
        for (int k = 0; k < columns; k++) {
          packed[k * TILE_ROWS + to] = rows[r * columns + k];
        }
      }
      MemorySegment target = matrix.piece(tile);
      long from = matrix.tileFrom(tile);
      MemorySegment.copy(packed, 0, target, ValueLayout.JAVA_SHORT, from, packed.length);
    }
  }

  private void packFloats(int first, int end) {
    int columns = matrix.columns();
    float[] rows = new float[TILE_ROWS * columns];
    MemorySegment read = MemorySegment.ofArray(rows);
    float[] packed = new float[TILE_ROWS * columns];
    for (int tile = first; tile < end; tile++) {
      readTile(tile, read);
      for (int r = 0; r < TILE_ROWS; r++) {
        for (int k = 0; k < columns; k++) {
          packed[k * TILE_ROWS + r] = rows[r * columns + k];
        }
      }
      MemorySegment target = matrix.piece(tile);
      long from = matrix.tileFrom(tile);
      MemorySegment.copy(packed, 0, target, ValueLayout.JAVA_FLOAT, from, packed.length);
    }
  }

  /// Rows of a tile, one after the other; zeros after the last.
  private void readTile(int tile, MemorySegment target) {
    target.fill((byte) 0);
    int first = tile * TILE_ROWS;
    int count = Math.min(TILE_ROWS, matrix.rows() - first);
    for (int r = 0; r < count; r++) {
      stored.readRow(
          first + r, target, (long) r * matrix.columns() * matrix.format().elementBytes());
    }
  }
}
