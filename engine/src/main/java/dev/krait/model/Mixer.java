package dev.krait.model;

import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.tensor.DType;
import java.util.List;
import java.util.Optional;

/// What a residual block computes from its normalised input.
///
/// The differences between families are numbers here, not subclasses. Sizes follow the literature:
/// heads, headDim, groups, stateDim; a group of B or C serves the heads or channels whose index
/// divides into it consecutively (`a, a, b, b`).
public sealed interface Mixer
    permits Mixer.Attention,
        Mixer.Mamba1,
        Mixer.Mamba2,
        ShortConv,
        GatedDeltaNet,
        LatentAttention,
        FeedForward {

  /// What the layer remembers of a sequence; empty for feed-forward mixers.
  Optional<CacheSpec> cacheSpec();

  /// Causal self-attention with grouped keys and values.
  ///
  /// @param heads query heads
  /// @param kvHeads key/value heads, a divisor of `heads`
  /// @param headDim elements of a head
  /// @param rope rotary embedding of queries and keys; empty for none
  /// @param window a position sees itself and the `window - 1` before it; 0 sees all
  /// @param scale what scores are multiplied with before softmax
  /// @param headNorm norm of queries and keys before they are rotated, of every head or, where it
  ///   has another width, of all heads together; empty for none
  /// @param bias whether something is added to the projection
  /// @param outputBias whether something is added to the output
  /// @param outputGate whether the heads' output is multiplied with the sigmoid of a gate that is
  ///   projected beside the queries
  record Attention(
      int heads,
      int kvHeads,
      int headDim,
      Optional<Rope> rope,
      int window,
      double scale,
      Optional<Norm> headNorm,
      boolean bias,
      boolean outputBias,
      boolean outputGate)
      implements Mixer {
    /// Checks the divisors and widths.
    public Attention {
      divides("kvHeads", kvHeads, "heads", heads);
      if (rope.isPresent() && rope.get().dim() > headDim) {
        throw new IllegalArgumentException(
            "rope: " + rope.get().dim() + " (expected: at most headDim " + headDim + ")");
      }
      int normed = headNorm.map(Norm::width).orElse(headDim);
      if (normed != headDim && normed != heads * headDim) {
        throw new IllegalArgumentException(
            "head norm: " + normed + " (expected: headDim " + headDim + " or that of all heads)");
      }
    }

    /// Attention to everything before without positions, norms, biases or gate, its scores divided
    /// by the root of `headDim`.
    public static Attention of(int heads, int kvHeads, int headDim) {
      double scale = 1 / Math.sqrt(headDim);
      Optional<Norm> noNorm = Optional.empty();
      return new Attention(
          heads, kvHeads, headDim, Optional.empty(), 0, scale, noNorm, false, false, false);
    }

    /// The same with a rotary embedding.
    public Attention withRope(Rope own) {
      return new Attention(
          heads,
          kvHeads,
          headDim,
          Optional.of(own),
          window,
          scale,
          headNorm,
          bias,
          outputBias,
          outputGate);
    }

    /// The same within a window.
    public Attention withWindow(int own) {
      return new Attention(
          heads, kvHeads, headDim, rope, own, scale, headNorm, bias, outputBias, outputGate);
    }

    /// The same with another scale of the scores.
    public Attention withScale(double own) {
      return new Attention(
          heads, kvHeads, headDim, rope, window, own, headNorm, bias, outputBias, outputGate);
    }

    /// The same with normed heads of queries and keys.
    public Attention withHeadNorm(float epsilon) {
      return withNorm(new Norm(headDim, epsilon));
    }

    /// The same with queries and keys whose heads are normed together.
    public Attention withWholeNorm(float epsilon) {
      return withNorm(new Norm(heads * headDim, epsilon));
    }

    private Attention withNorm(Norm norm) {
      Optional<Norm> own = Optional.of(norm);
      return new Attention(
          heads, kvHeads, headDim, rope, window, scale, own, bias, outputBias, outputGate);
    }

    /// True when all heads of queries, and of keys, have one mean square.
    public boolean hasWholeNorm() {
      return headNorm.isPresent() && headNorm.get().width() != headDim;
    }

    /// The same with a bias of the projection.
    public Attention withBias() {
      return new Attention(
          heads, kvHeads, headDim, rope, window, scale, headNorm, true, outputBias, outputGate);
    }

    /// The same with a bias of the output.
    public Attention withOutputBias() {
      return new Attention(
          heads, kvHeads, headDim, rope, window, scale, headNorm, bias, true, outputGate);
    }

    /// The same with a gate of the heads' output.
    public Attention withOutputGate() {
      return new Attention(
          heads, kvHeads, headDim, rope, window, scale, headNorm, bias, outputBias, true);
    }

    /// Columns of the fused projection: queries, keys, values, and the gate where there is one.
    public int projectionColumns() {
      return (outputGate ? 2 : 1) * queryColumns() + 2 * keyValueColumns();
    }

    /// Columns of the queries.
    public int queryColumns() {
      return heads * headDim;
    }

    /// Columns of the keys, and of the values.
    public int keyValueColumns() {
      return kvHeads * headDim;
    }

    /// Its keys and values.
    public KvCacheSpec kvCache() {
      return new KvCacheSpec(kvHeads, headDim, DType.F32);
    }

    @Override
    public Optional<CacheSpec> cacheSpec() {
      return Optional.of(kvCache());
    }
  }

  /// Mamba-1: a selective scan with a state of `stateDim` per channel (arXiv 2312.00752; grouped
  /// form arXiv 2408.15237).
  ///
  /// ```
  /// xc[c]   = silu(bias[c] + sum_k weight[c,k] x[source(c), t-k])
  /// h[c,n]  = exp(step[c] A[c,n]) h[c,n] + step[c] B[bGroup(c), n] xc[c]
  /// y[c]    = (sum_n C[cGroup(c), n] h[c,n] + D[c] xc[c]) silu(z[c])
  /// ```
  ///
  /// @param innerDim channels of the scan
  /// @param xDim channels of x before they are repeated to `innerDim` in groups of `innerDim /
  ///   cGroups`
  /// @param stateDim state elements per channel
  /// @param convWidth taps of the convolution
  /// @param timeStepRank width of the low-rank input of the step size
  /// @param bGroups vectors B per token
  /// @param cGroups vectors C per token
  /// @param selectsFromConv true when step size, B and C are projected from the convolved x (the
  ///   original form); false when they come from the layer's input and are not convolved
  ///   (MambaInLlama)
  /// @param innerNormEpsilon of the norms of the low-rank step size, B and C; 0 for no norms
  record Mamba1(
      int innerDim,
      int xDim,
      int stateDim,
      int convWidth,
      int timeStepRank,
      int bGroups,
      int cGroups,
      boolean selectsFromConv,
      float innerNormEpsilon)
      implements Mixer {
    /// Without inner norms.
    public Mamba1(
        int innerDim,
        int xDim,
        int stateDim,
        int convWidth,
        int timeStepRank,
        int bGroups,
        int cGroups,
        boolean selectsFromConv) {
      this(innerDim, xDim, stateDim, convWidth, timeStepRank, bGroups, cGroups, selectsFromConv, 0);
    }

    /// Checks the divisors.
    public Mamba1 {
      divides("xDim", xDim, "innerDim", innerDim);
      divides("bGroups", bGroups, "cGroups", cGroups);
      divides("cGroups", cGroups, "innerDim", innerDim);
    }

    /// Channels that share one vector C.
    public int groupWidth() {
      return innerDim / cGroups;
    }

    /// Channels of the result that one channel of x is repeated to.
    public int repeat() {
      return innerDim / xDim;
    }

    /// The vector B of channel `c`.
    public int bGroup(int c) {
      return c / groupWidth() / (cGroups / bGroups);
    }

    /// The vector C of channel `c`.
    public int cGroup(int c) {
      return c / groupWidth();
    }

    /// Columns of the input projection: z, x, and for MambaInLlama B, C and the low-rank step size.
    public int projectionColumns() {
      return innerDim + xDim + (selectsFromConv ? 0 : selectionColumns());
    }

    /// Columns of B, C and the low-rank step size together.
    public int selectionColumns() {
      return (bGroups + cGroups) * stateDim + timeStepRank;
    }

    /// Cached inputs of one token in the replay window: convolved x, step sizes, B.
    public int inputElements() {
      return 2 * innerDim + bGroups * stateDim;
    }

    /// Its states.
    public StateSpec states() {
      return new StateSpec((long) innerDim * stateDim, xDim, convWidth, inputElements());
    }

    @Override
    public Optional<CacheSpec> cacheSpec() {
      return Optional.of(states());
    }
  }

  /// Mamba-2: a scan with one decay per head (arXiv 2405.21060; grouped form arXiv 2408.15237).
  ///
  /// ```
  /// h[h,n,p] = exp(step[h] A[h]) h[h,n,p] + step[h] B[bGroup(h), n] x[xHead(h), p]
  /// y[h,p]   = sum_n C[cGroup(h), n] h[h,n,p] + D[h] x[xHead(h), p]
  /// out      = groupNorm(y silu(z)) weight
  /// ```
  ///
  /// where x, B and C have been convolved and passed through silu. Each segment of the projection
  /// may have a factor.
  ///
  /// @param heads heads of the scan
  /// @param headDim elements of a head
  /// @param stateDim state elements per head element
  /// @param xHeads heads of x before they are repeated to `heads`
  /// @param bGroups vectors B per token
  /// @param cGroups vectors C per token
  /// @param convWidth taps of the convolution
  /// @param normGroups groups of the gated norm; 0 for a gate without a norm
  /// @param normEpsilon added to the mean square of the gated norm
  /// @param segmentScales factors of z, x, B, C and step sizes; empty for none
  record Mamba2(
      int heads,
      int headDim,
      int stateDim,
      int xHeads,
      int bGroups,
      int cGroups,
      int convWidth,
      int normGroups,
      float normEpsilon,
      List<Float> segmentScales)
      implements Mixer {
    /// Without factors.
    public Mamba2(
        int heads,
        int headDim,
        int stateDim,
        int xHeads,
        int bGroups,
        int cGroups,
        int convWidth,
        int normGroups,
        float normEpsilon) {
      this(
          heads,
          headDim,
          stateDim,
          xHeads,
          bGroups,
          cGroups,
          convWidth,
          normGroups,
          normEpsilon,
          List.of());
    }

    /// Checks the divisors.
    public Mamba2 {
      segmentScales = List.copyOf(segmentScales);
      divides("xHeads", xHeads, "heads", heads);
      divides("bGroups", bGroups, "heads", heads);
      divides("cGroups", cGroups, "heads", heads);
      divides("normGroups", Math.max(1, normGroups), "innerDim", heads * headDim);
    }

    /// Channels of the scan's output.
    public int innerDim() {
      return heads * headDim;
    }

    /// Channels of x before the repeat.
    public int xDim() {
      return xHeads * headDim;
    }

    /// Channels of the convolution: x, B, C.
    public int convChannels() {
      return xDim() + (bGroups + cGroups) * stateDim;
    }

    /// Columns of the input projection: z, x, B, C, step sizes.
    public int projectionColumns() {
      return innerDim() + convChannels() + heads;
    }

    /// Widths of z, x, B, C and step sizes, in the order of the projection.
    public List<Integer> segments() {
      return List.of(innerDim(), xDim(), bGroups * stateDim, cGroups * stateDim, heads);
    }

    /// The head of x that feeds a head.
    public int xHead(int head) {
      return head / (heads / xHeads);
    }

    /// The vector B of a head.
    public int bGroup(int head) {
      return head / (heads / bGroups);
    }

    /// The vector C of a head.
    public int cGroup(int head) {
      return head / (heads / cGroups);
    }

    /// Cached inputs of one token in the replay window: x and B before the repeat, step sizes.
    public int inputElements() {
      return xDim() + bGroups * stateDim + heads;
    }

    /// Its states.
    public StateSpec states() {
      return new StateSpec(
          (long) heads * stateDim * headDim, convChannels(), convWidth, inputElements());
    }

    @Override
    public Optional<CacheSpec> cacheSpec() {
      return Optional.of(states());
    }
  }

  /// Refuses a part that does not divide the whole.
  static void divides(String partName, int part, String wholeName, int whole) {
    if (part <= 0 || whole <= 0 || whole % part != 0) {
      throw new IllegalArgumentException(
          partName + ": " + part + " (expected: a divisor of " + wholeName + " " + whole + ")");
    }
  }
}
