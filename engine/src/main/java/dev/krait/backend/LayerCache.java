package dev.krait.backend;

import dev.krait.tensor.Buffer;

/// Device memory of one layer's cache, over all slots or blocks.
public sealed interface LayerCache {

  /// Keys and values in blocks of `blockTokens` positions.
  ///
  /// Keys lie `[blocks, kvHeads, headDim, blockTokens]` and values `[blocks, kvHeads, blockTokens,
  /// headDim]`, so that both the scores (over positions) and the weighted sum (over elements) run
  /// along memory.
  ///
  /// @param keys all keys
  /// @param values all values
  /// @param blockTokens positions of a block
  record KvCache(Buffer keys, Buffer values, int blockTokens) implements LayerCache {}

  /// Recurrent states, convolution rings and replay windows, by slot.
  ///
  /// A token at position `t` has its raw convolution inputs at ring row `t % ringTokens` and its
  /// scan inputs at window row `t % windowTokens`; rejected tokens are overwritten by the next at
  /// their position.
  ///
  /// @param state committed states: Mamba-1 `[slots, stateDim, innerDim]`, Mamba-2 `[slots, heads,
  ///   stateDim, headDim]`, delta rule `[slots, valueHeads, keyDim, valueDim]`
  /// @param convRing raw inputs `[slots, ringTokens, channels]`
  /// @param window scan inputs `[slots, windowTokens, inputElements]`
  /// @param ringTokens rows of a ring
  /// @param windowTokens rows of a window; 0 without speculation
  record StateCache(Buffer state, Buffer convRing, Buffer window, int ringTokens, int windowTokens)
      implements LayerCache {}
}
