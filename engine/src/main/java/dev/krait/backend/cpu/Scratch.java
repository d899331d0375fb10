package dev.krait.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Memory of one thread of the pool for the length of an operation. It only grows, so that steady
/// work allocates nothing.
final class Scratch {
  /// Columns of a tile that are widened at a time.
  static final int WIDENED_COLUMNS = 256;

  private static final int ALIGNMENT_BYTES = 64;

  /// Partial sums of a norm.
  final float[] partials = new float[RowNorm.STRIPES];

  /// Byte offsets of the tiles in flight, within their piece.
  final int[] tileFrom = new int[MatmulTask.TILES_IN_FLIGHT];

  /// Places of a group's tokens in the activations.
  final int[] tokenFrom = new int[MatmulTask.MOST_TOKENS];

  /// A part of a tile, widened to floats.
  final MemorySegment widened;

  private float[] floats = new float[0];

  Scratch(Arena arena) {
    long bytes = (long) WIDENED_COLUMNS * CpuMatrix.TILE_ROWS * Float.BYTES;
    widened = arena.allocate(bytes, ALIGNMENT_BYTES);
  }

  /// At least `count` floats of any content.
  float[] floats(int count) {
    if (floats.length < count) {
      floats = new float[Math.max(count, 2 * floats.length)];
    }
    return floats;
  }
}
