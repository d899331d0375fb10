package dev.krait.backend.cpu;

/// How matrix products cut their tiles into ranges for workers, and these into panels for groups of
/// tokens.
final class TileRanges {
  /// Weights that stay in the second cache beside the activations.
  static final int PANEL_BYTES = 128 << 10;

  /// Multiply-adds worth waking a thread for, one token and several.
  private static final int GRAIN_ONE = 32 * 1024;

  private static final int GRAIN_MANY = 128 * 1024;

  /// A range that is long enough for its streams to run at full speed.
  private static final int STREAMED_BYTES = 2 << 20;

  private TileRanges() {}

  /// Fewest tiles of a range that is worth a thread.
  static int leastTiles(CpuMatrix weight, int tokens) {
    long tileWork = Math.max(1L, (long) weight.columns() * CpuMatrix.TILE_ROWS) * tokens;
    return (int) Math.ceilDiv(tokens == 1 ? GRAIN_ONE : GRAIN_MANY, tileWork);
  }

  /// Fewest tiles of a range that also is long enough to stream, but leaves every thread its share.
  static int leastStreamedTiles(CpuMatrix weight, int tokens, int threads) {
    int streamed = STREAMED_BYTES / Math.max(1, weight.tileBytes());
    return Math.max(leastTiles(weight, tokens), Math.min(streamed, weight.tiles() / threads));
  }
}
