package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.Norm;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;

/// Mamba-1: projection, convolution, inner norms, step sizes, scan with gate, output projection.
final class Mamba1Executor implements MixerExecutor {
  private final Ops ops;
  private final Mamba1Weights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final Rows selection;
  private final Rows lowRank;
  private final CausalConvArgs conv;
  private final SelectiveScanArgs scan;
  private final List<NormArgs> innerNorms = new ArrayList<>();

  static void addScratch(Mamba1 mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, mixer.projectionColumns());
    widths.include(Area.CONVOLVED, mixer.innerDim());
    widths.include(Area.SELECTION, mixer.selectsFromConv() ? mixer.selectionColumns() : 0);
    widths.include(Area.TIME_STEP, mixer.innerDim());
    widths.include(Area.OPERAND, mixer.innerDim());
  }

  Mamba1Executor(Mamba1Weights weights, MixerMemory memory) {
    Mamba1 mixer = weights.mixer();
    int inner = mixer.innerDim();
    MixerScratch scratch = memory.scratch();
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    projection = scratch.rows(Area.PROJECTION, mixer.projectionColumns());
    int bColumns = mixer.bGroups() * mixer.stateDim();
    int cColumns = mixer.cGroups() * mixer.stateDim();
    int rank = mixer.timeStepRank();
    int bFrom;
    if (mixer.selectsFromConv()) {
      selection = scratch.rows(Area.SELECTION, mixer.selectionColumns());
      lowRank = selection.columns(0, rank);
      bFrom = rank;
    } else {
      selection = projection.columns(inner + mixer.xDim(), mixer.selectionColumns());
      lowRank = selection.columns(bColumns + cColumns, rank);
      bFrom = 0;
    }
    var cache = memory.caches().states(mixer.states());
    conv =
        new CausalConvArgs(
            scratch.rows(Area.CONVOLVED, inner),
            projection.columns(inner, mixer.xDim()),
            weights.conv(),
            weights.convBias(),
            mixer.convWidth(),
            mixer.groupWidth(),
            mixer.repeat(),
            Activation.SILU,
            cache);
    scan =
        new SelectiveScanArgs(
            scratch.rows(Area.OPERAND, inner),
            conv.dst(),
            scratch.rows(Area.TIME_STEP, inner),
            selection.columns(bFrom, bColumns),
            selection.columns(bFrom + bColumns, cColumns),
            projection.columns(0, inner),
            weights,
            cache);
    List<Rows> selected = List.of(lowRank, scan.b(), scan.c());
    for (int i = 0; i < weights.innerNorms().size(); i++) {
      Rows rows = selected.get(i);
      Norm norm = new Norm(rows.columns(), mixer.innerNormEpsilon());
      innerNorms.add(new NormArgs(rows, rows, weights.innerNorms().get(i), norm));
    }
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    if (weights.selection().isPresent()) {
      ops.convMatmul(selection, conv, weights.selection().get(), step);
    } else {
      ops.causalConv(conv, step);
    }
    for (int i = 0; i < innerNorms.size(); i++) {
      ops.rmsNorm(innerNorms.get(i), step.tokens);
    }
    ops.timeStepScan(lowRank, scan, step);
    ops.matmul(output, scan.dst(), weights.output(), step.tokens);
  }
}
