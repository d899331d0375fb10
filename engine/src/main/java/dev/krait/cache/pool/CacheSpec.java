package dev.krait.cache.pool;

import dev.krait.tensor.DType;

/// What one layer must remember of a sequence; each kind knows its bytes.
public sealed interface CacheSpec {

  /// Bytes of one token of a sequence; 0 where memory does not grow with its length.
  long bytesPerToken();

  /// Bytes of one sequence, whatever its length.
  ///
  /// @param window most tokens of a step that may be rejected; 0 without speculation
  long bytesPerSequence(int window);

  /// Keys and values of an attention layer.
  ///
  /// @param kvHeads key/value heads
  /// @param headDim elements of one head
  /// @param type type of an element
  record KvCacheSpec(int kvHeads, int headDim, DType type) implements CacheSpec {
    /// The same with elements of another type.
    public KvCacheSpec withType(DType other) {
      return new KvCacheSpec(kvHeads, headDim, other);
    }

    @Override
    public long bytesPerToken() {
      return 2L * kvHeads * headDim * type.bytes();
    }

    @Override
    public long bytesPerSequence(int window) {
      return 0;
    }
  }

  /// Recurrent state of a state-space layer, its convolution ring and its replay window; all fp32.
  ///
  /// @param stateElements elements of one committed recurrent state
  /// @param convChannels channels of the raw convolution inputs
  /// @param convWidth taps of the convolution
  /// @param inputElements elements of the cached scan inputs of one token (x, B, step sizes)
  record StateSpec(long stateElements, int convChannels, int convWidth, int inputElements)
      implements CacheSpec {
    /// Tokens that the convolution ring holds so that `window` of them can be rejected.
    public int ringTokens(int window) {
      return convWidth - 1 + Math.max(window, 1);
    }

    /// Tokens that the replay window holds: accepted ones being replayed beside new ones being
    /// stored.
    public int windowTokens(int window) {
      return 2 * window;
    }

    @Override
    public long bytesPerToken() {
      return 0;
    }

    @Override
    public long bytesPerSequence(int window) {
      return DType.F32.bytes()
          * (stateElements
              + (long) ringTokens(window) * convChannels
              + (long) windowTokens(window) * inputElements);
    }
  }
}
