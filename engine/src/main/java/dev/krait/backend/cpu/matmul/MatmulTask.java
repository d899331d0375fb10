package dev.krait.backend.cpu.matmul;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.Rows;
import java.lang.foreign.Arena;

/// The matrix product: workers take tiles of weights.
///
/// Few tokens go by several tiles at a time, streams that each run through their part of a range:
/// long streams keep the memory's prefetchers ahead. More tokens go in groups of nearly equal size,
/// which pass by a panel of tiles one after the other; all but the first find it in the second
/// cache.
public final class MatmulTask {
  /// Weights that stay in the second cache beside the activations.
  private static final int PANEL_BYTES = 128 << 10;

  /// Multiply-adds worth waking a thread for, one token and several.
  private static final int GRAIN_ONE = 32 * 1024;

  private static final int GRAIN_MANY = 128 * 1024;

  /// A range that is long enough for its streams to run at full speed.
  private static final int STREAMED_BYTES = 2 << 20;

  private final WorkerPool pool;
  private final TileProduct product;
  private final String form;
  private final TileWork[] works;
  private final Operands operands = new Operands();
  private final WorkerPool.Task multiply = this::multiply;

  /// Tiles that go at a time, and groups of tokens; one of both is 1.
  private int tiles;

  private int groups;

  /// The product in machine code where this machine takes it, else on the Vector API.
  ///
  /// @param arena how long it is used
  public MatmulTask(WorkerPool pool, Arena arena) {
    this(pool, arena, TileKernels.open(arena, Lanes.BYTES));
  }

  MatmulTask(WorkerPool pool, Arena arena, TileKernels.Opened opened) {
    this.pool = pool;
    TileKernels kernels = opened.kernels();
    product =
        kernels == null
            ? new VectorTiles(operands, pool.threads())
            : new MachineTiles(operands, kernels, pool, arena);
    form = kernels == null ? "in Java (" + opened.missing() + ")" : "in machine code";
    works = new TileWork[pool.threads()];
    int sums = 0;
    for (int tokens = 1; tokens <= product.maxTokens(); tokens++) {
      sums = Math.max(sums, tokens * product.maxTiles(tokens) * CpuMatrix.TILE_ROWS);
    }
    for (int i = 0; i < works.length; i++) {
      works[i] = new TileWork(i, sums, arena);
    }
  }

  /// How products are computed, and why not in machine code.
  public String describe() {
    return "products " + form;
  }

  /// Writes `rows` rows of `dst = x * weight^T`.
  public void run(Rows dst, Rows x, CpuMatrix weight, int rows) {
    if (rows == 0) {
      return;
    }
    operands.set(dst, x, weight, rows);
    groups = Math.ceilDiv(rows, product.maxTokens());
    tiles = groups == 1 ? product.maxTiles(rows) : 1;
    product.begin();
    pool.parallelFor(multiply, Math.ceilDiv(weight.tiles(), tiles), minTiles() / tiles);
  }

  /// Fewest tiles of a range that is worth a thread, and, where they are streams, long enough
  /// unless that would leave a thread without its share.
  private int minTiles() {
    CpuMatrix matrix = operands.matrix;
    long tileWork = Math.max(1L, (long) matrix.columns() * CpuMatrix.TILE_ROWS) * operands.tokens;
    int least = (int) Math.ceilDiv(operands.tokens == 1 ? GRAIN_ONE : GRAIN_MANY, tileWork);
    if (tiles == 1) {
      return least;
    }
    int streamed = STREAMED_BYTES / Math.max(1, matrix.tileBytes());
    return Math.max(least, Math.min(streamed, matrix.tiles() / pool.threads()));
  }

  private void multiply(int worker, int first, int end) {
    int pieceTiles = operands.matrix.pieceTiles();
    int endTile = Math.min(end * tiles, operands.matrix.tiles());
    for (int tile = first * tiles; tile < endTile; ) {
      int endOfPiece = Math.min(endTile, (tile / pieceTiles + 1) * pieceTiles);
      if (tiles == 1) {
        multiplyPanels(works[worker], tile, endOfPiece);
      } else {
        multiplyStreams(works[worker], tile, endOfPiece);
      }
      tile = endOfPiece;
    }
  }

  /// Each of the tiles at a time runs through its part of the range; tiles left over go alone.
  private void multiplyStreams(TileWork work, int first, int end) {
    int part = (end - first) / tiles;
    work.token = 0;
    work.tokens = operands.tokens;
    work.tiles = tiles;
    work.apart = part;
    for (int tile = first; tile < first + part; tile++) {
      work.tile = tile;
      product.multiply(work);
      operands.store(work);
    }
    multiplyPanel(work, first + part * tiles, end);
  }

  private void multiplyPanels(TileWork work, int first, int end) {
    int panel = Math.max(1, PANEL_BYTES / Math.max(1, operands.matrix.tileBytes()));
    for (int tile = first; tile < end; tile += panel) {
      work.token = 0;
      for (int left = groups; left > 0; left--) {
        work.tokens = Math.ceilDiv(operands.tokens - work.token, left);
        multiplyPanel(work, tile, Math.min(end, tile + panel));
        work.token += work.tokens;
      }
    }
  }

  private void multiplyPanel(TileWork work, int first, int end) {
    work.tiles = 1;
    for (int tile = first; tile < end; tile++) {
      work.tile = tile;
      product.multiply(work);
      operands.store(work);
    }
  }
}
