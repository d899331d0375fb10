package dev.krait.backend;

import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.model.Norm;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import org.jspecify.annotations.Nullable;

/// The operations that models are made of, on whole ragged batches; destination first.
///
/// Every result depends on its own row's inputs alone, whatever else shares the step: the order of
/// every sum follows from the weight's shape or the token's position. fp32 arithmetic throughout.
/// Methods with a body are fusions, and the body is their meaning.
public interface Ops {

  /// `dst[row] = embedding[tokenIds[row]]` for all rows of the step.
  void embed(Rows dst, WeightMatrix embedding, StepInputs step);

  /// `dst[row, r] = sum_k weight[r, k] x[row, k]`, k ascending in one chain of fused multiply-adds.
  void matmul(Rows dst, Rows x, WeightMatrix weight, int rows);

  /// `dst[i] = x[step.outputRows[first + i]]` for `count` rows.
  void gatherOutputs(Rows dst, Rows x, StepInputs step, int first, int count);

  /// `residual += delta`.
  void add(Rows residual, Rows delta, int rows);

  /// Root-mean-square norm of each row, see [Norm].
  void rmsNorm(Rows dst, Rows x, Buffer weight, Norm norm, int rows);

  /// `residual += delta; dst = norm(residual)`.
  default void addRmsNorm(Rows dst, Rows residual, Rows delta, Buffer weight, Norm norm, int rows) {
    add(residual, delta, rows);
    rmsNorm(dst, residual, weight, norm, rows);
  }

  /// `dst = silu(gate) * up`.
  void siluMul(Rows dst, Rows gate, Rows up, int rows);

  /// `gateUp = weight x; dst = silu(gate) * up`; what a fusion leaves in `gateUp` is not defined.
  ///
  /// @param gate the first half of the columns of `gateUp`
  /// @param up the second half
  default void gatedMatmul(
      Rows dst, Rows gateUp, Rows gate, Rows up, Rows x, WeightMatrix weight, int rows) {
    matmul(gateUp, x, weight, rows);
    siluMul(dst, gate, up, rows);
  }

  /// `dst[i]` = index of the largest of the first `columns` logits of row `i`, the smallest of
  /// equals; -1 when the largest is not a finite number. NaN counts as smaller than everything.
  ///
  /// @param probabilities null, or where to put each token's softmax over those columns; not
  ///   defined where there is no token, or beside NaN
  void argMax(int[] dst, float @Nullable [] probabilities, Rows logits, int columns, int rows);

  /// `cos` and `sin` `[tokens, headDim / 2]` of every row's position.
  void ropeAngles(Rows cos, Rows sin, Rope rope, StepInputs step);

  /// Rotates `heads` heads of each row in place: `(a, b) -> (a cos - b sin, b cos + a sin)` for the
  /// halves of a head.
  void rope(Rows x, int heads, Rows cos, Rows sin, StepInputs step);

  /// Writes keys and values `[tokens, kvHeads * headDim]` to their positions' blocks.
  void writeKv(KvCache cache, Rows keys, Rows values, Attention attention, StepInputs step);

  /// `dst[row, h] = softmax(q k / sqrt(headDim)) v` over the row's own position and those before it
  /// (within the window).
  void attend(Rows dst, Rows queries, KvCache cache, Attention attention, StepInputs step);

  /// [#rope] on queries and keys, [#writeKv], [#attend].
  default void ropeWriteKvAttend(
      Rows dst,
      Rows queries,
      Rows keys,
      Rows values,
      Rows cos,
      Rows sin,
      KvCache cache,
      Attention attention,
      StepInputs step) {
    rope(queries, attention.heads(), cos, sin, step);
    rope(keys, attention.kvHeads(), cos, sin, step);
    writeKv(cache, keys, values, attention, step);
    attend(dst, queries, cache, attention, step);
  }

  /// Depthwise causal convolution and silu; raw inputs before the step's first token come from the
  /// ring, and the step's last raw inputs go there.
  ///
  /// `dst[row, c] = silu(bias[c] + sum_k taps[c, k] x[source(c), position - width + 1 + k])`, k
  /// ascending, zeros before position 0, where `source(c) = (c / groupWidth / repeat) * groupWidth
  /// + c % groupWidth`.
  ///
  /// @param dst `[tokens, channels]`
  /// @param x raw inputs `[tokens, channels / repeat]`
  /// @param taps `[channels, width]`
  /// @param bias `[channels]`
  void causalConv(
      Rows dst,
      Rows x,
      Buffer taps,
      Buffer bias,
      int width,
      int groupWidth,
      int repeat,
      StateCache cache,
      StepInputs step);

  /// Mamba-1 scan with replay and gate, see [Mamba1] for the formula and [StepInputs] for what is
  /// replayed and written.
  ///
  /// @param dst gated output `[tokens, innerDim]`
  /// @param x convolved x `[tokens, innerDim]`
  /// @param timeStep step sizes before bias and softplus `[tokens, innerDim]`
  /// @param b vectors B `[tokens, bGroups * stateDim]`
  /// @param c vectors C `[tokens, cGroups * stateDim]`
  /// @param z gate `[tokens, innerDim]`
  void selectiveScan(
      Rows dst,
      Rows x,
      Rows timeStep,
      Rows b,
      Rows c,
      Rows z,
      Mamba1 mixer,
      Mamba1Weights weights,
      StateCache cache,
      StepInputs step);

  /// Mamba-2 scan with replay, see [Mamba2] for the formula and [StepInputs] for what is replayed
  /// and written.
  ///
  /// @param dst output before gate and norm `[tokens, innerDim]`
  /// @param xbc convolved x, B, C `[tokens, convChannels]`
  /// @param timeStep step sizes before bias and softplus `[tokens, heads]`
  void ssdScan(
      Rows dst,
      Rows xbc,
      Rows timeStep,
      Mamba2 mixer,
      Mamba2Weights weights,
      StateCache cache,
      StepInputs step);

  /// `dst = groupNorm(y silu(z)) weight`: the gate first, then a root-mean-square norm over each of
  /// `groups` groups.
  void gatedRmsNorm(Rows dst, Rows y, Rows z, Buffer weight, int groups, float epsilon, int rows);
}
