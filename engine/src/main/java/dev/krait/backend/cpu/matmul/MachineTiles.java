package dev.krait.backend.cpu.matmul;

import dev.krait.backend.cpu.machine.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Tiles by [TileKernels]. Tokens are copied off-heap first, where the kernels find them.
final class MachineTiles implements TileProduct {
  private static final int ALIGNMENT_BYTES = 64;

  /// Floats worth waking a thread for to copy them.
  private static final int GRAIN_COPY = 128 * 1024;

  private final Operands operands;
  private final TileKernels kernels;
  private final WorkerPool pool;
  private final Arena arena;
  private final WorkerPool.Task copy = this::copyTokens;

  /// `[tokens, columns + padding]`.
  private MemorySegment x = MemorySegment.NULL;

  private long tokenBytes;

  MachineTiles(Operands operands, TileKernels kernels, WorkerPool pool, Arena arena) {
    this.operands = operands;
    this.kernels = kernels;
    this.pool = pool;
    this.arena = arena;
  }

  @Override
  public int maxTokens() {
    return kernels.maxTokens();
  }

  @Override
  public int maxTiles(int tokens) {
    return kernels.maxTiles(tokens);
  }

  @Override
  public void begin() {
    int columns = Math.max(1, operands.matrix.columns());
    tokenBytes = (long) (columns + TileCode.ROW_PADDING) * Float.BYTES;
    long bytes = operands.tokens * tokenBytes;
    if (x.byteSize() < bytes) {
      x = arena.allocate(Math.max(bytes, 2 * x.byteSize()), ALIGNMENT_BYTES);
    }
    pool.parallelFor(copy, operands.tokens, Math.ceilDiv(GRAIN_COPY, columns));
  }

  private void copyTokens(int worker, int first, int end) {
    int columns = operands.matrix.columns();
    for (int token = first; token < end; token++) {
      int from = operands.inAt(token);
      MemorySegment.copy(operands.in, from, x, ValueLayout.JAVA_FLOAT, token * tokenBytes, columns);
    }
  }

  @Override
  public void multiply(TileWork work) {
    CpuMatrix matrix = operands.matrix;
    long weights = matrix.piece(work.tile).address() + matrix.tileFrom(work.tile);
    long stride = (long) work.apart * matrix.tileBytes();
    long tokens = x.address() + work.token * tokenBytes;
    kernels
        .of(matrix.format(), work.tokens, work.tiles)
        .multiply(weights, stride, tokens, matrix.columns(), work.sums.address());
  }
}
