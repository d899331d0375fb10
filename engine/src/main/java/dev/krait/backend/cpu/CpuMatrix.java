package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.tensor.DType;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Weights in tiles of `2 * lanes` rows; one step along the columns finds the tile's rows side by
/// side. Rows after the last are zero.
///
/// ```
///   tile 0: column 0 | column 1 | ... | column columns-1     tile 1: column 0 | ...
///   16 bits: a column is one vector of ints, lane j = row j (low half), row j + lanes (high half)
///   32 bits: a column is two vectors of floats, rows 0..lanes-1 and rows lanes..2*lanes-1
/// ```
///
/// The 16-bit order widens without moving between lanes: a shift gives the first half of the rows,
/// a mask the second.
///
/// @param pieces the tiles, off-heap, in native byte order; each piece holds [#pieceTiles] of them,
///   the last the rest, so that places within a piece fit an int
/// @param rows output width
/// @param columns input width
/// @param dtype BF16, F16 or F32
record CpuMatrix(List<MemorySegment> pieces, int rows, int columns, DType dtype)
    implements WeightMatrix {
  /// Rows of a tile.
  static final int TILE_ROWS = 2 * Lanes.COUNT;

  private static final int ALIGNMENT_BYTES = 64;
  private static final long MOST_PIECE_BYTES = 1L << 30;
  private static final int HALF_BITS = 16;
  private static final int HIGH_HALF = 0xffff0000;

  /// A matrix of zeros.
  static CpuMatrix allocate(SegmentAllocator memory, int rows, int columns, DType dtype) {
    CpuMatrix shape = new CpuMatrix(List.of(), rows, columns, dtype);
    List<MemorySegment> pieces = new ArrayList<>();
    for (int tile = 0; tile < shape.tiles(); tile += shape.pieceTiles()) {
      long tiles = Math.min(shape.pieceTiles(), shape.tiles() - tile);
      pieces.add(memory.allocate(tiles * shape.tileBytes(), ALIGNMENT_BYTES));
    }
    return new CpuMatrix(List.copyOf(pieces), rows, columns, dtype);
  }

  int tiles() {
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
  }

  /// Bytes of one column of a tile.
  int columnBytes() {
    return TILE_ROWS * dtype.bytes();
  }

  int tileBytes() {
    return Math.multiplyExact(columns, columnBytes());
  }

  /// Tiles of a piece.
  int pieceTiles() {
    return (int) Math.max(1, MOST_PIECE_BYTES / Math.max(1, tileBytes()));
  }

  /// The piece of a tile.
  MemorySegment piece(int tile) {
    return pieces.get(tile / pieceTiles());
  }

  /// First byte of a tile within its piece.
  int tileFrom(int tile) {
    return tile % pieceTiles() * tileBytes();
  }

  /// Thrown where a type is not one that matrices are kept in.
  IllegalStateException unexpectedType() {
    return new IllegalStateException("matrix of " + dtype + " (expected: BF16, F16 or F32)");
  }

  @Override
  public long bytes() {
    return (long) tiles() * tileBytes();
  }

  /// Widens one row into `target[to, to + columns)`.
  void readRow(int row, float[] target, int to) {
    int lane = row % TILE_ROWS % Lanes.COUNT;
    boolean second = row % TILE_ROWS >= Lanes.COUNT;
    MemorySegment piece = piece(row / TILE_ROWS);
    long from = tileFrom(row / TILE_ROWS) + (long) lane * Integer.BYTES;
    if (dtype == DType.F32 && second) {
      from += Lanes.BYTES;
    }
    for (int k = 0; k < columns; k++) {
      int bits = piece.get(ValueLayout.JAVA_INT, from + (long) k * columnBytes());
      target[to + k] =
          switch (dtype) {
            case BF16 -> Float.intBitsToFloat(second ? bits & HIGH_HALF : bits << HALF_BITS);
            case F16 -> Float.float16ToFloat((short) (second ? bits >> HALF_BITS : bits));
            case F32 -> Float.intBitsToFloat(bits);
            case F64, I64, I32, I16, I8, U8, BOOL -> throw unexpectedType();
          };
    }
  }
}
