package dev.krait.backend.cpu.matmul;

/// Inner loops of the matrix product in one form: a few tiles by a few tokens at a time.
sealed interface TileProduct permits MachineTiles, VectorTiles {
  /// Most tokens of a [#multiply].
  int maxTokens();

  /// Tiles that a [#multiply] of so many tokens takes at a time, each a stream of memory of its
  /// own.
  int maxTiles(int tokens);

  /// Gets ready for the tiles of a product.
  void begin();

  /// Computes the sums of one piece of work; from any worker, for its own work.
  void multiply(TileWork work);
}
