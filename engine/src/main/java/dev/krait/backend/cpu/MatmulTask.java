package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The matrix product on the Vector API: workers take tiles of weights.
///
/// One token streams four tiles at a time, which hides the latency of the multiply-adds. Several
/// tokens go in groups that fit the registers beside a tile's rows. Every group runs over all
/// columns of a panel of tiles before the next group takes the same panel from the cache: runs that
/// long keep the memory's prefetchers ahead, which turns between groups at every tile do not.
///
/// With 32 registers a group takes several tiles at a time and reads its tokens where they lie.
/// With 16 there is only one tile, two for two tokens, and addresses for every token cost more than
/// laying the activations of a group side by side first.
@SuppressWarnings("NullAway.Init")
final class MatmulTask {
  static final int TILES_IN_FLIGHT = 4;

  /// Most tokens of a group.
  static final int MOST_TOKENS = 6;

  /// A 512-bit machine has 32 registers, others 16.
  private static final boolean WIDE = Lanes.BYTES == 64;

  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;
  private static final int LANES = Lanes.COUNT;

  /// Groups up to which reading the weights takes longer than the sums.
  private static final int FEW_GROUPS = 2;

  /// Floats worth waking a thread for to lay them side by side.
  private static final int GRAIN_PACK = 32 * 1024;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final WorkerPool.Task oneToken = this::runOneToken;
  private final WorkerPool.Task manyTokens = this::runManyTokens;
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
    if (rows == 1) {
      pool.parallelFor(
          oneToken, weight.tiles(), TileRanges.leastStreamedTiles(weight, 1, pool.threads()));
    } else if (rows > 1) {
      formGroups();
      if (!streamsTiles()) {
        growPacked(
            Math.multiplyExact((groups - 1) * groupTokens + groupSize(groups - 1), columns()));
        pool.parallelFor(
            pack, groups, Math.ceilDiv(GRAIN_PACK, Math.max(1, groupTokens * columns())));
      }
      int streams = streams();
      int least =
          groups > FEW_GROUPS
              ? TileRanges.leastTiles(weight, rows)
              : TileRanges.leastStreamedTiles(weight, rows, pool.threads());
      pool.parallelFor(manyTokens, Math.ceilDiv(weight.tiles(), streams), least / streams);
    }
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
        case BF16 -> Bf16Streams.token1(piece, own.tileFrom, in, inFrom, columns, sums);
        case F16 -> {
          for (int stream = 0; stream < TILES_IN_FLIGHT; stream++) {
            int to = stream * TILE_ROWS;
            F16Kernels.token1(piece, own.tileFrom[stream], in, inFrom, columns, sums, to);
          }
        }
        case F32 -> F32Kernels.token1(piece, own.tileFrom, in, inFrom, columns, sums);
        case F64, I64, I32, I16, I8, U8, BOOL -> throw matrix.unexpectedType();
      }
      for (int stream = 0; stream < TILES_IN_FLIGHT; stream++) {
        int row = Math.min(first + stream * quarter + i, end - 1) * TILE_ROWS;
        int rows = Math.min(TILE_ROWS, matrix.rows() - row);
        System.arraycopy(sums, stream * TILE_ROWS, out, outFrom + row, rows);
      }
    }
  }

  /// Splits the tokens into groups of nearly equal size.
  private void formGroups() {
    int most = mostTokens();
    groups = (tokens + most - 1) / most;
    groupTokens = kernelTokens((tokens + groups - 1) / groups);
  }

  private void growPacked(int floats) {
    if (packed.length < floats) {
      packed = new float[floats];
    }
  }

  private int columns() {
    return matrix.columns();
  }

  /// True where the tokens of a group fit the registers beside several tiles.
  private boolean streamsTiles() {
    return WIDE && matrix.dtype() == DType.BF16;
  }

  private int mostTokens() {
    return WIDE || matrix.dtype() == DType.BF16 ? MOST_TOKENS : 4;
  }

  /// Tokens of the kernel that takes `count`: 2, 4, or the most. Of several groups, none has two
  /// where that kernel takes more tiles at a time than the others.
  private int kernelTokens(int count) {
    if (count <= 2 && (groups == 1 || matrix.dtype() != DType.BF16)) {
      return 2;
    }
    return count <= 4 ? 4 : mostTokens();
  }

  /// Tokens of a group. The last group repeats its last token to fill the kernel's width.
  private int groupSize(int group) {
    return Math.min(groupTokens, kernelTokens(tokens - group * groupTokens));
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

  /// A range counts as many tiles at a time as there are streams, so that none runs idle.
  private void runManyTokens(int worker, int first, int end) {
    int pieceTiles = matrix.pieceTiles();
    int streams = streams();
    int endTile = Math.min(end * streams, matrix.tiles());
    for (int tile = first * streams; tile < endTile; ) {
      int endOfPiece = Math.min(endTile, (tile / pieceTiles + 1) * pieceTiles);
      multiplyMany(scratch[worker], tile, endOfPiece);
      tile = endOfPiece;
    }
  }

  /// Every group passes by a panel of tiles, which stays in the second cache, before the next panel
  /// is read.
  private void multiplyMany(Scratch own, int first, int end) {
    int streams = streams();
    int panel =
        groups == 1
            ? end - first
            : Math.max(1, TileRanges.PANEL_BYTES / matrix.tileBytes() / streams) * streams;
    for (int tile = first; tile < end; tile += panel) {
      int endOfPanel = Math.min(end, tile + panel);
      for (int group = 0; group < groups; group++) {
        multiplyPanel(own, tile, endOfPanel, group);
      }
    }
  }

  /// Tiles at a time.
  private int streams() {
    if (matrix.dtype() != DType.BF16) {
      return 1;
    }
    int streams = WIDE ? 2 : 1;
    return groupTokens == 2 ? 2 * streams : streams;
  }

  /// As for one token: streams that each run through their part of the panel; parts that are
  /// shorter repeat its last tile.
  private void multiplyPanel(Scratch own, int first, int end, int group) {
    int streams = streams();
    int size = groupSize(group);
    int firstToken = group * groupTokens;
    int endToken = Math.min(firstToken + groupTokens, tokens);
    for (int j = 0; j < size; j++) {
      own.tokenFrom[j] = inFrom + Math.min(firstToken + j, tokens - 1) * inStride;
    }
    float[] sums = own.floats(streams * size * TILE_ROWS);
    int part = (end - first + streams - 1) / streams;
    for (int i = 0; i < part; i++) {
      Arrays.fill(sums, 0, streams * size * TILE_ROWS, 0);
      for (int stream = 0; stream < streams; stream++) {
        own.tileFrom[stream] = matrix.tileFrom(Math.min(first + stream * part + i, end - 1));
      }
      if (streamsTiles()) {
        addTiles(own, matrix.piece(first), size, sums);
      } else {
        addTile(own, matrix.piece(first), size, firstToken * columns(), sums);
      }
      for (int stream = 0; stream < streams; stream++) {
        int tile = Math.min(first + stream * part + i, end - 1);
        store(sums, stream * size * TILE_ROWS, tile, firstToken, endToken);
      }
    }
  }

  private void addTiles(Scratch own, MemorySegment w, int size, float[] sums) {
    switch (size) {
      case 2 -> Bf16Streams.tokens2by4(w, own.tileFrom, in, own.tokenFrom, columns(), sums);
      case 4 -> Bf16Streams.tokens4by2(w, own.tileFrom, in, own.tokenFrom, columns(), sums);
      default -> Bf16Streams.tokens6by2(w, own.tileFrom, in, own.tokenFrom, columns(), sums);
    }
  }

  private void addTile(Scratch own, MemorySegment w, int size, int xFrom, float[] sums) {
    int from = own.tileFrom[0];
    switch (matrix.dtype()) {
      case BF16 -> addHalves(own, w, size, xFrom, sums);
      case F16 -> addWidened(own, w, size, xFrom, sums);
      case F32 -> addColumns(w, from, size, xFrom, columns(), sums);
      case F64, I64, I32, I16, I8, U8, BOOL -> throw matrix.unexpectedType();
    }
  }

  private void addHalves(Scratch own, MemorySegment w, int size, int xFrom, float[] sums) {
    int[] from = own.tileFrom;
    switch (size) {
      case 2 -> Bf16Kernels.tokens2(w, from, packed, xFrom, columns(), sums);
      case 4 -> Bf16Kernels.tokens4(w, from, packed, xFrom, columns(), sums);
      default -> Bf16Kernels.tokens6(w, from, packed, xFrom, columns(), sums);
    }
  }

  private void addWidened(Scratch own, MemorySegment w, int size, int xFrom, float[] sums) {
    int from = own.tileFrom[0];
    for (int k = 0; k < columns(); k += Scratch.WIDENED_COLUMNS) {
      int count = Math.min(Scratch.WIDENED_COLUMNS, columns() - k);
      F16Kernels.widenColumns(w, from + k * matrix.columnBytes(), count, own.widened);
      addColumns(own.widened, 0, size, xFrom + k * size, count, sums);
    }
  }

  private void addColumns(MemorySegment w, int from, int size, int xFrom, int count, float[] sums) {
    switch (size) {
      case 2 -> F32Kernels.tokens2(w, from, packed, xFrom, count, sums);
      case 4 -> F32Kernels.tokens4(w, from, packed, xFrom, count, sums);
      default -> F32Kernels.tokens6(w, from, packed, xFrom, count, sums);
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
