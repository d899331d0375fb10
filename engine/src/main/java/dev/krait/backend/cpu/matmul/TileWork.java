package dev.krait.backend.cpu.matmul;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// What one thread asks of a [TileProduct], and the sums that it gets.
final class TileWork {
  private static final int ALIGNMENT_BYTES = 64;

  /// The thread.
  final int worker;

  /// Receives `[tiles, tokens, tile rows]` floats.
  final MemorySegment sums;

  /// The first tile, within one piece of the matrix as all others.
  int tile;

  /// One, or [TileProduct#maxTiles] of the tokens.
  int tiles;

  /// Tiles from one to the next.
  int apart;

  /// The first token.
  int token;

  int tokens;

  TileWork(int worker, int maxSums, Arena arena) {
    this.worker = worker;
    sums = arena.allocate((long) maxSums * Float.BYTES, ALIGNMENT_BYTES);
  }
}
