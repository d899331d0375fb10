package dev.krait.backend;

import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.backend.OpArgs.GatedMatmulArgs;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.model.Activation;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;

/// The operations that models are made of, on whole ragged batches; destination first.
///
/// Every result depends on its own row's inputs alone, whatever else shares the step: the order of
/// every sum follows from the weight's shape or the token's position. fp32 arithmetic throughout.
/// Methods with a body are fusions, and the body is their meaning.
public interface Ops {

  /// `dst[row] = embedding[id]` for all rows of the step; see [StepInputs#tokenIds].
  void embed(Rows dst, WeightMatrix embedding, StepInputs step);

  /// `dst[row, r] = sum_k weight[r, k] x[row, k]`, k ascending in one chain of fused multiply-adds.
  void matmul(Rows dst, Rows x, WeightMatrix weight, int rows);

  /// `dst[i] = x[step.outputRows[first + i]]` for `count` rows.
  void gatherOutputs(Rows dst, Rows x, StepInputs step, int first, int count);

  /// `residual += delta`.
  void add(Rows residual, Rows delta, int rows);

  /// `x *= factor`.
  void scale(Rows x, float factor, int rows);

  /// `x += bias` in every row.
  void addBias(Rows x, Buffer bias, int rows);

  /// `x = activation(x)`.
  void activate(Rows x, Activation activation, int rows);

  /// Root-mean-square norm of each row, see [dev.krait.model.Norm].
  void rmsNorm(NormArgs args, int rows);

  /// `x += delta; dst = norm(x)`.
  default void addRmsNorm(NormArgs args, Rows delta, int rows) {
    add(args.x(), delta, rows);
    rmsNorm(args, rows);
  }

  /// Root-mean-square norm of each head of each row, in place.
  void headRmsNorm(HeadNormArgs args, int rows);

  /// `dst = activation(gate) * up`; `dst` may be one of both.
  void activateMul(Rows dst, Rows gate, Rows up, Activation activation, int rows);

  /// `gateUp = weight x; dst = silu(gate) * up`; what a fusion leaves in `gateUp` is not defined.
  default void gatedMatmul(GatedMatmulArgs args, int rows) {
    matmul(args.gateUp(), args.x(), args.weight(), rows);
    activateMul(args.dst(), args.gate(), args.up(), Activation.SILU, rows);
  }

  /// Chooses the token of `count` of the step's outputs, `first` and those behind it, whose logits
  /// are the first rows of `args.logits()`: as [StepInputs#sampling] says, with the random number
  /// of its seed and position, so that it depends on its own row alone.
  ///
  /// Greedy is the largest logit, the smallest id of equals. NaN counts as smaller than everything,
  /// and where the largest is not a finite number no token is chosen. What else tokens are drawn
  /// from is [dev.krait.sampling.Sampler#distribution]; a backend may sum up its weights in another
  /// order of its own, in double precision.
  void chooseTokens(ChooseArgs args, StepInputs step, int first, int count);

  /// Cosines and sines of every row's position, from double precision.
  void ropeAngles(RopeAngles dst, StepInputs step);

  /// Rotates `heads` heads of each row in place: `(a, b) -> (a cos - b sin, b cos + a sin)` for the
  /// halves of a head, or of its first elements where there are fewer angles.
  void rope(Rows x, int heads, RopeAngles angles, StepInputs step);

  /// Writes keys and values to their positions' blocks.
  void writeKv(AttentionArgs args, StepInputs step);

  /// `dst[row, h] = softmax(scale q k) v` over the row's own position and those before it (within
  /// the window).
  void attend(AttentionArgs args, StepInputs step);

  /// [#rope] on queries and keys where there are angles, [#writeKv], [#attend].
  default void ropeWriteKvAttend(AttentionArgs args, StepInputs step) {
    if (args.angles().isPresent()) {
      rope(args.queries(), args.attention().heads(), args.angles().get(), step);
      rope(args.keys(), args.attention().kvHeads(), args.angles().get(), step);
    }
    writeKv(args, step);
    attend(args, step);
  }

  /// Depthwise causal convolution and activation; raw inputs before the step's first token come
  /// from the ring, and the step's last raw inputs go there.
  ///
  /// `dst[row, c] = f(bias[c] + sum_k taps[c, k] x[source(c), position - width + 1 + k])`, k
  /// ascending, zeros before position 0, where `source(c) = (c / groupWidth / repeat) * groupWidth
  /// + c % groupWidth`.
  void causalConv(CausalConvArgs args, StepInputs step);

  /// [#causalConv], then `dst = conv.dst weight^T`.
  default void convMatmul(Rows dst, CausalConvArgs conv, WeightMatrix weight, StepInputs step) {
    causalConv(conv, step);
    matmul(dst, conv.dst(), weight, step.tokens);
  }

  /// Mamba-1 scan with replay and gate, see [dev.krait.model.Mixer.Mamba1] for the formula and
  /// [StepInputs] for what is replayed and written.
  void selectiveScan(SelectiveScanArgs args, StepInputs step);

  /// `timeStep = lowRank weights.timeStep^T`, then [#selectiveScan]; what a fusion leaves in
  /// `timeStep` is not defined.
  default void timeStepScan(Rows lowRank, SelectiveScanArgs args, StepInputs step) {
    matmul(args.timeStep(), lowRank, args.weights().timeStep(), step.tokens);
    selectiveScan(args, step);
  }

  /// Mamba-2 scan with replay, see [dev.krait.model.Mixer.Mamba2] for the formula and [StepInputs]
  /// for what is replayed and written.
  void ssdScan(SsdScanArgs args, StepInputs step);

  /// `dst = groupNorm(y silu(z)) weight`: the gate first, then a root-mean-square norm over each of
  /// `groups` groups.
  void gatedRmsNorm(GatedNormArgs args, int rows);

  /// Gated delta rule with replay, see [dev.krait.model.GatedDeltaNet] for the formula and
  /// [StepInputs] for what is replayed and written.
  void deltaRule(DeltaRuleArgs args, StepInputs step);

  /// `dst = sum_i weight_i expert_i(x)` over the experts that each row's scores choose, see
  /// [dev.krait.model.RoutedMlp]: of equal scores the lower index is chosen, and the sum is one
  /// chain of fused multiply-adds in the order of the choice, the shared expert last.
  void experts(ExpertsArgs args, int rows);
}
