package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/// The matrix product with bf16 weights by [TileKernels]: workers take tiles of weights.
///
/// Tokens are copied off-heap first, where the kernels find them. Several tokens go in groups of
/// nearly equal size, which pass by a panel of tiles one after the other; all but the first find it
/// in the second cache.
@SuppressWarnings("NullAway.Init")
final class TileMatmulTask {
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;
  private static final int TOKEN_SUMS_BYTES = TILE_ROWS * Float.BYTES;
  private static final int ALIGNMENT_BYTES = 64;

  /// Floats worth waking a thread for to copy them.
  private static final int GRAIN_COPY = 128 * 1024;

  private final WorkerPool pool;
  private final TileKernels kernels;
  private final Arena arena;
  private final WorkerPool.Task copy = this::copyTokens;
  private final WorkerPool.Task multiply = this::multiply;

  /// What a kernel leaves, for each worker.
  private final MemorySegment[] sums;

  /// `[tokens, columns + padding]`.
  private MemorySegment x = MemorySegment.NULL;

  private long tokenBytes;
  private CpuMatrix matrix;
  private long tileBytes;
  private float[] out;
  private int outFrom;
  private int outStride;
  private float[] in;
  private int inFrom;
  private int inStride;
  private int tokens;
  private int groups;

  /// Tiles that a kernel takes.
  private int tiles;

  TileMatmulTask(WorkerPool pool, TileKernels kernels, Arena arena) {
    this.pool = pool;
    this.kernels = kernels;
    this.arena = arena;
    sums = new MemorySegment[pool.threads()];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = arena.allocate(TileKernels.MOST_SUMS_BYTES, ALIGNMENT_BYTES);
    }
  }

  void run(Rows dst, Rows input, CpuMatrix weight, int rows) {
    if (rows == 0) {
      return;
    }
    matrix = weight;
    tileBytes = weight.tileBytes();
    out = HostRows.floats(dst);
    outFrom = dst.offset();
    outStride = dst.stride();
    in = HostRows.floats(input);
    inFrom = input.offset();
    inStride = input.stride();
    tokens = rows;
    groups = Math.ceilDiv(rows, TileKernels.MOST_TOKENS);
    tiles = TileKernelCode.mostTiles(rows);
    int columns = Math.max(1, weight.columns());
    tokenBytes = (long) (columns + TileKernelCode.ROW_PADDING) * Float.BYTES;
    if (x.byteSize() < rows * tokenBytes) {
      x = arena.allocate(Math.max(rows * tokenBytes, 2 * x.byteSize()), ALIGNMENT_BYTES);
    }
    pool.parallelFor(copy, rows, Math.ceilDiv(GRAIN_COPY, columns));
    int least =
        tiles == 1
            ? TileRanges.leastTiles(weight, rows)
            : TileRanges.leastStreamedTiles(weight, rows, pool.threads());
    pool.parallelFor(multiply, Math.ceilDiv(weight.tiles(), tiles), least / tiles);
  }

  private void copyTokens(int worker, int first, int end) {
    for (int token = first; token < end; token++) {
      int from = inFrom + token * inStride;
      MemorySegment.copy(in, from, x, ValueLayout.JAVA_FLOAT, token * tokenBytes, matrix.columns());
    }
  }

  private void multiply(int worker, int first, int end) {
    int pieceTiles = matrix.pieceTiles();
    int endTile = Math.min(end * tiles, matrix.tiles());
    for (int tile = first * tiles; tile < endTile; ) {
      int endOfPiece = Math.min(endTile, (tile / pieceTiles + 1) * pieceTiles);
      if (tiles == 1) {
        multiplyPanels(sums[worker], tile, endOfPiece);
      } else {
        multiplyStreams(sums[worker], tile, endOfPiece);
      }
      tile = endOfPiece;
    }
  }

  /// Each of a kernel's tiles runs through its part of the range; tiles left over go alone.
  private void multiplyStreams(MemorySegment own, int first, int end) {
    int part = (end - first) / tiles;
    long from = address(first);
    for (int tile = first; tile < first + part; tile++) {
      long weights = from + (tile - first) * tileBytes;
      kernels.multiplyMost(
          tokens, weights, part * tileBytes, x.address(), matrix.columns(), own.address());
      for (int stream = 0; stream < tiles; stream++) {
        store(own, stream * tokens, tile + stream * part, 0, tokens);
      }
    }
    int alone = first + part * tiles;
    if (alone < end) {
      multiplyPanel(own, alone, end, 0, tokens);
    }
  }

  private void multiplyPanels(MemorySegment own, int first, int end) {
    int panel = (int) Math.max(1, TileRanges.PANEL_BYTES / tileBytes);
    for (int tile = first; tile < end; tile += panel) {
      int endOfPanel = Math.min(end, tile + panel);
      int token = 0;
      for (int group = 0; group < groups; group++) {
        int endToken = token + Math.ceilDiv(tokens - token, groups - group);
        multiplyPanel(own, tile, endOfPanel, token, endToken);
        token = endToken;
      }
    }
  }

  private void multiplyPanel(MemorySegment own, int first, int end, int token, int endToken) {
    long weights = address(first);
    long xFrom = x.address() + token * tokenBytes;
    for (int tile = first; tile < end; tile++) {
      kernels.multiply(endToken - token, weights, xFrom, matrix.columns(), own.address());
      store(own, 0, tile, token, endToken);
      weights += tileBytes;
    }
  }

  private long address(int tile) {
    return matrix.piece(tile).address() + matrix.tileFrom(tile);
  }

  private void store(MemorySegment own, int ownRow, int tile, int firstToken, int endToken) {
    int row = tile * TILE_ROWS;
    int rows = Math.min(TILE_ROWS, matrix.rows() - row);
    long from = (long) ownRow * TOKEN_SUMS_BYTES;
    for (int token = firstToken; token < endToken; token++) {
      int to = outFrom + token * outStride + row;
      if (rows == TILE_ROWS) {
        FloatVector.fromMemorySegment(Lanes.FLOATS, own, from, ByteOrder.nativeOrder())
            .intoArray(out, to);
        FloatVector.fromMemorySegment(
                Lanes.FLOATS, own, from + Lanes.BYTES, ByteOrder.nativeOrder())
            .intoArray(out, to + Lanes.COUNT);
      } else {
        MemorySegment.copy(own, ValueLayout.JAVA_FLOAT, from, out, to, rows);
      }
      from += TOKEN_SUMS_BYTES;
    }
  }
}
