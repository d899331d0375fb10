package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.MixerWeights.GatedDeltaNetWeights;
import dev.krait.model.Norm;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;

/// The gated delta net: projections, convolution, norms of q and k, delta rule, norm and gate,
/// output projection.
final class GatedDeltaNetExecutor implements MixerExecutor {
  /// What is added to the sum of the squares of a head of q or k.
  private static final float SQUARES_EPSILON = 1e-6f;

  private final Ops ops;
  private final GatedDeltaNetWeights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final Rows gateInput;
  private final Rows decayInput;
  private final Rows gate;
  private final CausalConvArgs conv;
  private final HeadNormArgs queryNorm;
  private final HeadNormArgs keyNorm;
  private final DeltaRuleArgs rule;
  private final HeadNormArgs norm;
  private final Rows gated;

  static void addScratch(GatedDeltaNet mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, mixer.projectionColumns());
    widths.include(Area.CONVOLVED, mixer.convChannels());
    widths.include(Area.SELECTION, mixer.lowRank() > 0 ? mixer.valueColumns() : 0);
    widths.include(Area.TIME_STEP, mixer.lowRank() > 0 ? mixer.decays() : 0);
    widths.include(Area.MIXED, mixer.valueColumns());
    widths.include(Area.OPERAND, mixer.valueColumns());
  }

  GatedDeltaNetExecutor(GatedDeltaNetWeights weights, MixerMemory memory) {
    GatedDeltaNet mixer = weights.mixer();
    MixerScratch scratch = memory.scratch();
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    projection = scratch.rows(Area.PROJECTION, mixer.projectionColumns());
    int channels = mixer.convChannels();
    boolean low = mixer.lowRank() > 0;
    int gateFrom = channels + mixer.valueHeads();
    gateInput = projection.columns(gateFrom, low ? mixer.lowRank() : mixer.valueColumns());
    int decayFrom = gateFrom + gateInput.columns();
    decayInput = projection.columns(decayFrom, low ? mixer.lowRank() : mixer.valueHeads());
    gate = low ? scratch.rows(Area.SELECTION, mixer.valueColumns()) : gateInput;
    var cache = memory.caches().states(mixer.states());
    conv =
        new CausalConvArgs(
            scratch.rows(Area.CONVOLVED, channels),
            projection.columns(0, channels),
            weights.conv(),
            weights.vectors().noBias(),
            mixer.convWidth(),
            channels,
            1,
            Activation.SILU,
            cache);
    int keys = mixer.keyColumns();
    Norm byRoot = new Norm(mixer.keyDim(), SQUARES_EPSILON / mixer.keyDim());
    Rows queries = conv.dst().columns(0, keys);
    queryNorm = new HeadNormArgs(queries, mixer.keyHeads(), weights.vectors().queryNorm(), byRoot);
    Rows keyRows = conv.dst().columns(keys, keys);
    keyNorm = new HeadNormArgs(keyRows, mixer.keyHeads(), weights.vectors().keyNorm(), byRoot);
    rule =
        new DeltaRuleArgs(
            scratch.rows(Area.MIXED, mixer.valueColumns()),
            conv.dst(),
            projection.columns(channels, mixer.valueHeads()),
            low ? scratch.rows(Area.TIME_STEP, mixer.decays()) : decayInput,
            weights,
            cache);
    Norm ofHead = new Norm(mixer.valueDim(), mixer.normEpsilon());
    norm = new HeadNormArgs(rule.dst(), mixer.valueHeads(), weights.norm(), ofHead);
    gated = scratch.rows(Area.OPERAND, mixer.valueColumns());
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    if (weights.mixer().lowRank() > 0) {
      ops.matmul(gate, gateInput, weights.gate().orElseThrow(), step.tokens);
      ops.matmul(rule.decay(), decayInput, weights.decay().orElseThrow(), step.tokens);
    }
    ops.causalConv(conv, step);
    ops.headRmsNorm(queryNorm, step.tokens);
    ops.headRmsNorm(keyNorm, step.tokens);
    ops.deltaRule(rule, step);
    ops.headRmsNorm(norm, step.tokens);
    ops.activateMul(gated, gate, rule.dst(), weights.mixer().gate(), step.tokens);
    ops.matmul(output, gated, weights.output(), step.tokens);
  }
}
