package dev.krait.backend.cpu.matmul;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.tensor.DType;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Weights in tiles of `2 * lanes` rows; one step along the columns finds the tile's rows side by
/// side, in the order of [TileFormat]. Rows after the last are zero.
///
/// ```
///   tile 0: column 0 | column 1 | ... | column columns-1     tile 1: column 0 | ...
/// ```
///
/// @param pieces the tiles, off-heap, in native byte order; each piece holds [#pieceTiles] of them,
///   the last the rest, so that places within a piece fit an int
/// @param rows output width
/// @param columns input width
/// @param format how elements are stored
public record CpuMatrix(List<MemorySegment> pieces, int rows, int columns, TileFormat format)
    implements WeightMatrix {
  /// Rows of a tile.
  static final int TILE_ROWS = 2 * Lanes.COUNT;

  private static final int ALIGNMENT_BYTES = 64;
  private static final long MAX_PIECE_BYTES = 1L << 30;
  private static final int HALF_BITS = 16;

  /// A matrix of zeros.
  static CpuMatrix allocate(SegmentAllocator memory, int rows, int columns, DType dtype) {
    CpuMatrix shape = new CpuMatrix(List.of(), rows, columns, TileFormat.of(dtype));
    List<MemorySegment> pieces = new ArrayList<>();
    for (int tile = 0; tile < shape.tiles(); tile += shape.pieceTiles()) {
      long tiles = Math.min(shape.pieceTiles(), shape.tiles() - tile);
      pieces.add(memory.allocate(tiles * shape.tileBytes(), ALIGNMENT_BYTES));
    }
    return new CpuMatrix(List.copyOf(pieces), rows, columns, shape.format);
  }

  int tiles() {
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
  }

  /// Bytes of one column of a tile.
  int columnBytes() {
    return TILE_ROWS * format.elementBytes();
  }

  int tileBytes() {
    return Math.multiplyExact(columns, columnBytes());
  }

  /// Tiles of a piece.
  int pieceTiles() {
    return (int) Math.max(1, MAX_PIECE_BYTES / Math.max(1, tileBytes()));
  }

  /// The piece of a tile.
  MemorySegment piece(int tile) {
    return pieces.get(tile / pieceTiles());
  }

  /// First byte of a tile within its piece.
  int tileFrom(int tile) {
    return tile % pieceTiles() * tileBytes();
  }

  @Override
  public long bytes() {
    return (long) tiles() * tileBytes();
  }

  /// Widens one row into `target[to, to + columns)`.
  public void readRow(int row, float[] target, int to) {
    MemorySegment piece = piece(row / TILE_ROWS);
    long from =
        tileFrom(row / TILE_ROWS)
            + (long) format.place(row % TILE_ROWS, Lanes.COUNT) * format.elementBytes();
    for (int k = 0; k < columns; k++) {
      long at = from + (long) k * columnBytes();
      target[to + k] =
          switch (format) {
            case BF16 -> Float.intBitsToFloat(piece.get(ValueLayout.JAVA_SHORT, at) << HALF_BITS);
            case F16 -> Float.float16ToFloat(piece.get(ValueLayout.JAVA_SHORT, at));
            case F32 -> piece.get(ValueLayout.JAVA_FLOAT, at);
          };
    }
  }
}
