package dev.krait.runner.mixer;

import dev.krait.backend.Backend;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights.SideWeights;
import dev.krait.tensor.Rows;

/// The side path of a residual block: norm of residual stream and embedding, attention, norm,
/// feed-forward, linear, and its sum with the residual stream.
public final class SidePathExecutor {
  private final Ops ops;
  private final SideWeights weights;
  private final SideRows rows;
  private final NormArgs pairNorm;
  private final AttentionExecutor attention;
  private final NormArgs norm;
  private final GatedMlpExecutor mlp;

  /// Rows that all side paths share.
  ///
  /// @param pair the residual stream, then the embeddings `[tokens, 2 * hiddenDim]`
  /// @param pairNormed what attention reads
  /// @param between what each part computes
  /// @param normed what the feed-forward reads
  /// @param sum the residual stream and the path's output
  public record SideRows(Rows pair, Rows pairNormed, Rows between, Rows normed, Rows sum) {

    /// Memory for steps of up to `maxTokens` rows.
    public static SideRows allocate(Backend backend, ModelSpec spec, int maxTokens) {
      int hidden = spec.hiddenDim();
      long elements = (long) maxTokens * hidden;
      return new SideRows(
          Rows.of(backend.allocate(2 * elements), 2 * hidden),
          backend.allocateOperand(maxTokens, 2 * hidden),
          Rows.of(backend.allocate(elements), hidden),
          backend.allocateOperand(maxTokens, hidden),
          Rows.of(backend.allocate(elements), hidden));
    }

    /// The residual stream.
    public Rows residual() {
      return pair.columns(0, sum.columns());
    }

    /// The tokens' embeddings.
    public Rows embedding() {
      return pair.columns(sum.columns(), sum.columns());
    }
  }

  /// Binds it to its weights and memory.
  ///
  /// @param memory of the block's mixers
  public SidePathExecutor(SideWeights weights, SideRows rows, MixerMemory memory) {
    this.weights = weights;
    this.rows = rows;
    ops = memory.ops();
    pairNorm =
        new NormArgs(rows.pairNormed(), rows.pair(), weights.pairNorm(), weights.path().pairNorm());
    attention =
        new AttentionExecutor(
            weights.attention(), memory.between(rows.pairNormed(), rows.between()));
    norm = new NormArgs(rows.normed(), rows.between(), weights.norm(), weights.path().norm());
    mlp = new GatedMlpExecutor(weights.mlp(), memory.between(rows.normed(), rows.between()));
  }

  /// The sum of the residual stream and what [#run] computes.
  public Rows sum() {
    return rows.sum();
  }

  /// Computes all rows of the step.
  public void run(StepInputs step) {
    ops.rmsNorm(pairNorm, step.tokens);
    attention.run(step);
    ops.rmsNorm(norm, step.tokens);
    mlp.run(step);
    ops.matmul(rows.sum(), rows.between(), weights.linear(), step.tokens);
    ops.add(rows.sum(), rows.residual(), step.tokens);
  }
}
