package dev.krait.backend.cpu.matmul;

import dev.krait.backend.cpu.machine.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Tiles on the Vector API, for every width and every format: what machine code is compared with,
/// and what runs where there is none.
///
/// A block of columns is widened to floats in the first cache, once for all tokens, and multiplied
/// by four tokens at a time: eight chains of multiply-adds hide their latency. One token by bf16,
/// which is what decoding waits for, goes by four tiles instead and widens in registers.
final class VectorTiles implements TileProduct {
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;
  private static final int LANES = Lanes.COUNT;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /// Tiles of one token, tokens of one tile.
  private static final int AT_A_TIME = 4;

  /// Tokens that share a widened block.
  private static final int MAX_TOKENS = 16;

  /// Columns of a block: 8 KiB with the widest vectors. 256 columns take as long.
  private static final int BLOCK_COLUMNS = 64;

  private static final int BLOCK_FLOATS = BLOCK_COLUMNS * TILE_ROWS;
  private static final int HALF_BITS = 16;
  private static final int HIGH_HALF = 0xffff0000;

  private final Operands operands;
  private final Block[] blocks;

  VectorTiles(Operands operands, int threads) {
    this.operands = operands;
    blocks = new Block[threads];
    Arrays.setAll(blocks, i -> new Block());
  }

  @Override
  public int maxTokens() {
    return MAX_TOKENS;
  }

  @Override
  public int maxTiles(int tokens) {
    return tokens == 1 ? AT_A_TIME : 1;
  }

  /// Tokens are read where they lie.
  @Override
  public void begin() {}

  @Override
  public void multiply(TileWork work) {
    CpuMatrix matrix = operands.matrix;
    Block block = blocks[work.worker];
    int sums = work.tiles * work.tokens * TILE_ROWS;
    if (work.tiles == AT_A_TIME && matrix.format() == TileFormat.BF16) {
      for (int i = 0; i < AT_A_TIME; i++) {
        block.from[i] = matrix.tileFrom(work.tile + i * work.apart);
      }
      block.multiplyPairs(matrix, work.tile, operands.in, operands.inAt(work.token));
    } else {
      Arrays.fill(block.sums, 0, sums, 0);
      for (int i = 0; i < work.tiles; i++) {
        multiplyTile(work, work.tile + i * work.apart, i * work.tokens * TILE_ROWS);
      }
    }
    MemorySegment.copy(block.sums, 0, work.sums, ValueLayout.JAVA_FLOAT, 0, sums);
  }

  private void multiplyTile(TileWork work, int tile, int sumsFrom) {
    Block block = blocks[work.worker];
    int columns = operands.matrix.columns();
    for (int column = 0; column < columns; column += BLOCK_COLUMNS) {
      block.columns = Math.min(BLOCK_COLUMNS, columns - column);
      block.widen(operands.matrix, tile, column);
      for (int first = 0; first < work.tokens; first += AT_A_TIME) {
        // A turn of fewer tokens repeats the last.
        for (int i = 0; i < AT_A_TIME; i++) {
          int token = Math.min(first + i, work.tokens - 1);
          block.from[i] = operands.inAt(work.token + token) + column;
          block.to[i] = sumsFrom + token * TILE_ROWS;
        }
        block.addTokens(operands.in);
      }
    }
  }

  /// Columns of a tile as floats, and the sums of a thread.
  private static final class Block {
    final float[] weights = new float[BLOCK_FLOATS];
    final short[] halves = new short[BLOCK_FLOATS];
    final float[] sums = new float[MAX_TOKENS * TILE_ROWS];

    /// Where the tiles, or the tokens, of a turn lie, and their sums.
    final int[] from = new int[AT_A_TIME];

    final int[] to = new int[AT_A_TIME];
    int columns;

    void widen(CpuMatrix matrix, int tile, int column) {
      MemorySegment piece = matrix.piece(tile);
      int at = matrix.tileFrom(tile) + column * matrix.columnBytes();
      int floats = columns * TILE_ROWS;
      switch (matrix.format()) {
        case BF16 -> widenPairs(piece, at);
        case F16 -> {
          MemorySegment.copy(piece, ValueLayout.JAVA_SHORT, at, halves, 0, floats);
          for (int i = 0; i < floats; i++) {
            weights[i] = Float.float16ToFloat(halves[i]);
          }
        }
        case F32 -> MemorySegment.copy(piece, ValueLayout.JAVA_FLOAT, at, weights, 0, floats);
      }
    }

    private void widenPairs(MemorySegment piece, int at) {
      for (int k = 0; k < columns; k++) {
        IntVector pair =
            IntVector.fromMemorySegment(Lanes.INTS, piece, at + k * Lanes.BYTES, ORDER);
        FloatVector low = pair.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
        FloatVector high = pair.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
        low.intoArray(weights, k * TILE_ROWS);
        high.intoArray(weights, k * TILE_ROWS + LANES);
      }
    }

    /// Adds the columns of the block to the sums of four tokens.
    void addTokens(float[] in) {
      int x0 = from[0];
      int x1 = from[1];
      int x2 = from[2];
      int x3 = from[3];
      FloatVector a0 = FloatVector.fromArray(Lanes.FLOATS, sums, to[0]);
      FloatVector b0 = FloatVector.fromArray(Lanes.FLOATS, sums, to[0] + LANES);
      FloatVector a1 = FloatVector.fromArray(Lanes.FLOATS, sums, to[1]);
      FloatVector b1 = FloatVector.fromArray(Lanes.FLOATS, sums, to[1] + LANES);
      FloatVector a2 = FloatVector.fromArray(Lanes.FLOATS, sums, to[2]);
      FloatVector b2 = FloatVector.fromArray(Lanes.FLOATS, sums, to[2] + LANES);
      FloatVector a3 = FloatVector.fromArray(Lanes.FLOATS, sums, to[3]);
      FloatVector b3 = FloatVector.fromArray(Lanes.FLOATS, sums, to[3] + LANES);
      for (int k = 0; k < columns; k++) {
        FloatVector a = FloatVector.fromArray(Lanes.FLOATS, weights, k * TILE_ROWS);
        FloatVector b = FloatVector.fromArray(Lanes.FLOATS, weights, k * TILE_ROWS + LANES);
        FloatVector v0 = FloatVector.broadcast(Lanes.FLOATS, in[x0 + k]);
        a0 = a.fma(v0, a0);
        b0 = b.fma(v0, b0);
        FloatVector v1 = FloatVector.broadcast(Lanes.FLOATS, in[x1 + k]);
        a1 = a.fma(v1, a1);
        b1 = b.fma(v1, b1);
        FloatVector v2 = FloatVector.broadcast(Lanes.FLOATS, in[x2 + k]);
        a2 = a.fma(v2, a2);
        b2 = b.fma(v2, b2);
        FloatVector v3 = FloatVector.broadcast(Lanes.FLOATS, in[x3 + k]);
        a3 = a.fma(v3, a3);
        b3 = b.fma(v3, b3);
      }
      a0.intoArray(sums, to[0]);
      b0.intoArray(sums, to[0] + LANES);
      a1.intoArray(sums, to[1]);
      b1.intoArray(sums, to[1] + LANES);
      a2.intoArray(sums, to[2]);
      b2.intoArray(sums, to[2] + LANES);
      a3.intoArray(sums, to[3]);
      b3.intoArray(sums, to[3] + LANES);
    }

    /// The sums of one token by four tiles of a piece, over all columns.
    void multiplyPairs(CpuMatrix matrix, int tile, float[] in, int xFrom) {
      MemorySegment piece = matrix.piece(tile);
      int from0 = from[0];
      int from1 = from[1];
      int from2 = from[2];
      int from3 = from[3];
      FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
      FloatVector b0 = FloatVector.zero(Lanes.FLOATS);
      FloatVector a1 = FloatVector.zero(Lanes.FLOATS);
      FloatVector b1 = FloatVector.zero(Lanes.FLOATS);
      FloatVector a2 = FloatVector.zero(Lanes.FLOATS);
      FloatVector b2 = FloatVector.zero(Lanes.FLOATS);
      FloatVector a3 = FloatVector.zero(Lanes.FLOATS);
      FloatVector b3 = FloatVector.zero(Lanes.FLOATS);
      for (int k = 0; k < matrix.columns(); k++) {
        FloatVector x = FloatVector.broadcast(Lanes.FLOATS, in[xFrom + k]);
        int at = k * Lanes.BYTES;
        IntVector pair0 = IntVector.fromMemorySegment(Lanes.INTS, piece, from0 + at, ORDER);
        a0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(x, a0);
        b0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(x, b0);
        IntVector pair1 = IntVector.fromMemorySegment(Lanes.INTS, piece, from1 + at, ORDER);
        a1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(x, a1);
        b1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(x, b1);
        IntVector pair2 = IntVector.fromMemorySegment(Lanes.INTS, piece, from2 + at, ORDER);
        a2 = pair2.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(x, a2);
        b2 = pair2.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(x, b2);
        IntVector pair3 = IntVector.fromMemorySegment(Lanes.INTS, piece, from3 + at, ORDER);
        a3 = pair3.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(x, a3);
        b3 = pair3.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(x, b3);
      }
      a0.intoArray(sums, 0 * LANES);
      b0.intoArray(sums, 1 * LANES);
      a1.intoArray(sums, 2 * LANES);
      b1.intoArray(sums, 3 * LANES);
      a2.intoArray(sums, 4 * LANES);
      b2.intoArray(sums, 5 * LANES);
      a3.intoArray(sums, 6 * LANES);
      b3.intoArray(sums, 7 * LANES);
    }
  }
}
