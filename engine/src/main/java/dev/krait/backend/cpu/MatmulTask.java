package dev.krait.backend.cpu;

import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The matrix product: workers take tiles of weights.
///
/// One token streams four tiles at a time, which hides the latency of the multiply-adds. Several
/// tokens go in groups that fit the registers beside a tile's rows; their activations are first
/// laid side by side, and the columns go in blocks, so that a block of a tile stays in the
/// innermost cache while all groups pass by. Accumulators rest in memory between blocks, which does
/// not change the order of a sum.
@SuppressWarnings("NullAway.Init")
final class MatmulTask {
  static final int TILES_IN_FLIGHT = 4;

  /// A 512-bit machine has twice the registers.
  private static final int GROUP_TOKENS = Lanes.BYTES == 64 ? 6 : 4;

  private static final int PANEL_TOKENS = 96;
  private static final int BLOCK_COLUMNS = 512;
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;
  private static final int LANES = Lanes.COUNT;

  /// Multiply-adds worth waking a thread for, one token and several.
  private static final int GRAIN_ONE = 32 * 1024;

  /// A range that is long enough for its streams to run at full speed.
  private static final int STREAMED_BYTES = 2 << 20;

  private static final int GRAIN_MANY = 128 * 1024;
  private static final int GRAIN_PACK = 32 * 1024;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final WorkerPool.Task oneToken = this::runOneToken;
  private final WorkerPool.Task manyTokens = this::runManyTokens;
  private final WorkerPool.Task fewTokens = this::runFewTokens;
  private final WorkerPool.Task pack = this::runPack;

  private CpuMatrix matrix;
  private float[] out;
  private int outFrom;
  private int outStride;
  private float[] in;
  private int inFrom;
  private int inStride;
  private int tokens;

  /// Groups of tokens, each `[columns, group tokens]`.
  private float[] packed = new float[0];

  private int groups;
  private int groupTokens;

  MatmulTask(WorkerPool pool, Scratch[] scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  void run(Rows dst, Rows x, CpuMatrix weight, int rows) {
    matrix = weight;
    out = HostRows.floats(dst);
    outFrom = dst.offset();
    outStride = dst.stride();
    in = HostRows.floats(x);
    inFrom = x.offset();
    inStride = x.stride();
    tokens = rows;
    long tileWork = Math.max(1L, (long) weight.columns() * TILE_ROWS);
    int tiles = weight.tiles();
    if (rows == 1) {
      pool.parallelFor(oneToken, tiles, streamedTiles(weight, grain(GRAIN_ONE, tileWork)));
    } else if (rows > 1) {
      layOut();
      pool.parallelFor(pack, groups, grain(GRAIN_PACK, (long) groupTokens * weight.columns()));
      if (streams()) {
        pool.parallelFor(fewTokens, tiles, streamedTiles(weight, grain(GRAIN_ONE, tileWork)));
      } else {
        pool.parallelFor(manyTokens, tiles, grain(GRAIN_MANY, tileWork * rows));
      }
    }
  }

  /// Tiles of a range that is long enough to stream, but leaves every thread its share.
  private int streamedTiles(CpuMatrix weight, int least) {
    int most = STREAMED_BYTES / Math.max(1, weight.tileBytes());
    return Math.max(least, Math.min(most, weight.tiles() / pool.threads()));
  }

  /// True when the tokens are few enough for several tiles beside each other: one group, on a
  /// machine with 32 registers.
  private boolean streams() {
    return Lanes.BYTES == 64 && groups == 1 && matrix.dtype() == DType.BF16;
  }

  private static int grain(int work, long itemWork) {
    return (int) ((work + itemWork - 1) / Math.max(1, itemWork));
  }

  private void runOneToken(int worker, int first, int end) {
    int pieceTiles = matrix.pieceTiles();
    for (int tile = first; tile < end; ) {
      int endOfPiece = Math.min(end, (tile / pieceTiles + 1) * pieceTiles);
      multiplyOne(scratch[worker], tile, endOfPiece);
      tile = endOfPiece;
    }
  }

  /// Four streams that each run through a quarter of the range: long streams keep the memory's
  /// prefetchers ahead, which four neighbouring tiles at a time do not. Quarters that are shorter
  /// repeat their last tile.
  private void multiplyOne(Scratch own, int first, int end) {
    float[] sums = own.floats(TILES_IN_FLIGHT * TILE_ROWS);
    MemorySegment piece = matrix.piece(first);
    int quarter = (end - first + TILES_IN_FLIGHT - 1) / TILES_IN_FLIGHT;
    for (int i = 0; i < quarter; i++) {
      for (int stream = 0; stream < TILES_IN_FLIGHT; stream++) {
        own.tileFrom[stream] = matrix.tileFrom(Math.min(first + stream * quarter + i, end - 1));
      }
      int columns = matrix.columns();
      switch (matrix.dtype()) {
        case BF16 -> Bf16Kernels.token1(piece, own.tileFrom, in, inFrom, columns, sums);
        case F16 -> {
          for (int stream = 0; stream < TILES_IN_FLIGHT; stream++) {
            int to = stream * TILE_ROWS;
            F16Kernels.token1(piece, own.tileFrom[stream], in, inFrom, columns, sums, to);
          }
        }
        default -> F32Kernels.token1(piece, own.tileFrom, in, inFrom, columns, sums);
      }
      for (int stream = 0; stream < TILES_IN_FLIGHT; stream++) {
        int row = Math.min(first + stream * quarter + i, end - 1) * TILE_ROWS;
        int rows = Math.min(TILE_ROWS, matrix.rows() - row);
        System.arraycopy(sums, stream * TILE_ROWS, out, outFrom + row, rows);
      }
    }
  }

  /// Splits the tokens into groups of nearly equal, even size.
  private void layOut() {
    groups = (tokens + GROUP_TOKENS - 1) / GROUP_TOKENS;
    groupTokens = even((tokens + groups - 1) / groups);
    int padded = (groups - 1) * groupTokens + groupSize(groups - 1);
    int floats = Math.multiplyExact(padded, matrix.columns());
    if (packed.length < floats) {
      packed = new float[floats];
    }
  }

  private static int even(int count) {
    return count + (count & 1);
  }

  /// Tokens of a group; the last may be smaller, and counts one twice if they are odd.
  private int groupSize(int group) {
    return Math.min(groupTokens, even(tokens - group * groupTokens));
  }

  private void runPack(int worker, int first, int end) {
    int columns = matrix.columns();
    for (int group = first; group < end; group++) {
      int size = groupSize(group);
      int firstToken = group * groupTokens;
      int base = firstToken * columns;
      for (int j = 0; j < size; j++) {
        int from = inFrom + Math.min(firstToken + j, tokens - 1) * inStride;
        for (int k = 0; k < columns; k++) {
          packed[base + k * size + j] = in[from + k];
        }
      }
    }
  }

  private void runFewTokens(int worker, int first, int end) {
    int pieceTiles = matrix.pieceTiles();
    for (int tile = first; tile < end; ) {
      int endOfPiece = Math.min(end, (tile / pieceTiles + 1) * pieceTiles);
      multiplyFew(scratch[worker], tile, endOfPiece);
      tile = endOfPiece;
    }
  }

  /// As for one token: streams that each run through their part of the range.
  private void multiplyFew(Scratch own, int first, int end) {
    int size = groupSize(0);
    int streams = size == 2 ? TILES_IN_FLIGHT : 2;
    float[] sums = own.floats(streams * size * TILE_ROWS);
    MemorySegment piece = matrix.piece(first);
    int part = (end - first + streams - 1) / streams;
    for (int i = 0; i < part; i++) {
      for (int stream = 0; stream < streams; stream++) {
        own.tileFrom[stream] = matrix.tileFrom(Math.min(first + stream * part + i, end - 1));
      }
      int columns = matrix.columns();
      switch (size) {
        case 2 -> Bf16Streams.tokens2by4(piece, own.tileFrom, packed, columns, sums);
        case 4 -> Bf16Streams.tokens4by2(piece, own.tileFrom, packed, columns, sums);
        default -> Bf16Streams.tokens6by2(piece, own.tileFrom, packed, columns, sums);
      }
      for (int stream = 0; stream < streams; stream++) {
        int tile = Math.min(first + stream * part + i, end - 1);
        store(sums, stream * size * TILE_ROWS, tile, 0, tokens);
      }
    }
  }

  private void runManyTokens(int worker, int first, int end) {
    int panelGroups = Math.max(1, PANEL_TOKENS / groupTokens);
    float[] sums = scratch[worker].floats(panelGroups * groupTokens * TILE_ROWS);
    for (int group = 0; group < groups; group += panelGroups) {
      int endGroup = Math.min(group + panelGroups, groups);
      for (int tile = first; tile < end; tile++) {
        Arrays.fill(sums, 0, (endGroup - group) * groupTokens * TILE_ROWS, 0);
        multiply(scratch[worker], tile, group, endGroup, sums);
        store(sums, 0, tile, group * groupTokens, Math.min(endGroup * groupTokens, tokens));
      }
    }
  }

  private void multiply(Scratch own, int tile, int group, int endGroup, float[] sums) {
    int columns = matrix.columns();
    boolean widens = matrix.dtype() == DType.F16;
    int block = widens ? Scratch.WIDENED_COLUMNS : endGroup - group == 1 ? columns : BLOCK_COLUMNS;
    for (int k = 0; k < columns; k += block) {
      int count = Math.min(block, columns - k);
      MemorySegment weights = matrix.piece(tile);
      int from = matrix.tileFrom(tile) + k * matrix.columnBytes();
      if (widens) {
        F16Kernels.widenColumns(weights, from, count, own.widened);
        weights = own.widened;
        from = 0;
      }
      for (int g = group; g < endGroup; g++) {
        int size = groupSize(g);
        int xFrom = g * groupTokens * columns + k * size;
        int to = (g - group) * groupTokens * TILE_ROWS;
        if (matrix.dtype() == DType.BF16) {
          switch (size) {
            case 2 -> Bf16Kernels.tokens2(weights, from, packed, xFrom, count, sums, to);
            case 4 -> Bf16Kernels.tokens4(weights, from, packed, xFrom, count, sums, to);
            default -> Bf16Kernels.tokens6(weights, from, packed, xFrom, count, sums, to);
          }
        } else {
          switch (size) {
            case 2 -> F32Kernels.tokens2(weights, from, packed, xFrom, count, sums, to);
            case 4 -> F32Kernels.tokens4(weights, from, packed, xFrom, count, sums, to);
            default -> F32Kernels.tokens6(weights, from, packed, xFrom, count, sums, to);
          }
        }
      }
    }
  }

  private void store(float[] sums, int sumsFrom, int tile, int firstToken, int endToken) {
    int row = tile * TILE_ROWS;
    int rows = Math.min(TILE_ROWS, matrix.rows() - row);
    int from = sumsFrom;
    for (int token = firstToken; token < endToken; token++) {
      int to = outFrom + token * outStride + row;
      if (rows == TILE_ROWS) {
        FloatVector low = FloatVector.fromArray(Lanes.FLOATS, sums, from);
        FloatVector high = FloatVector.fromArray(Lanes.FLOATS, sums, from + LANES);
        low.intoArray(out, to);
        high.intoArray(out, to + LANES);
      } else {
        System.arraycopy(sums, from, out, to, rows);
      }
      from += TILE_ROWS;
    }
  }
}
