package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Mamba-2: projection, convolution, scan, gate and norm, output projection.
final class Mamba2Executor implements MixerExecutor {
  private final Ops ops;
  private final Mamba2Weights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final CausalConvArgs conv;
  private final SsdScanArgs scan;
  private final Rows gate;
  private final Rows gated;
  private final Optional<GatedNormArgs> norm;
  private final List<Rows> scaled = new ArrayList<>();

  static void addScratch(Mamba2 mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, mixer.projectionColumns());
    widths.include(Area.CONVOLVED, mixer.convChannels());
    widths.include(Area.MIXED, mixer.innerDim());
    widths.include(Area.OPERAND, mixer.innerDim());
  }

  Mamba2Executor(Mamba2Weights weights, MixerMemory memory) {
    Mamba2 mixer = weights.mixer();
    int inner = mixer.innerDim();
    int channels = mixer.convChannels();
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    projection = memory.scratch().rows(Area.PROJECTION, mixer.projectionColumns());
    var cache = memory.caches().states(mixer.states());
    conv =
        new CausalConvArgs(
            memory.scratch().rows(Area.CONVOLVED, channels),
            projection.columns(inner, channels),
            weights.conv(),
            weights.convBias(),
            mixer.convWidth(),
            channels,
            1,
            Activation.SILU,
            cache);
    Rows mixed = memory.scratch().rows(Area.MIXED, inner);
    Rows timeStep = projection.columns(inner + channels, mixer.heads());
    scan = new SsdScanArgs(mixed, conv.dst(), timeStep, weights, cache);
    gate = projection.columns(0, inner);
    gated = memory.scratch().rows(Area.OPERAND, inner);
    norm =
        weights
            .norm()
            .map(weight ->
                new GatedNormArgs(
                    gated, mixed, gate, weight, mixer.normGroups(), mixer.normEpsilon()));
    int from = 0;
    for (int i = 0; i < mixer.segmentScales().size(); i++) {
      int columns = mixer.segments().get(i);
      scaled.add(projection.columns(from, columns));
      from += columns;
    }
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    for (int i = 0; i < scaled.size(); i++) {
      ops.scale(scaled.get(i), weights.mixer().segmentScales().get(i), step.tokens);
    }
    ops.causalConv(conv, step);
    ops.ssdScan(scan, step);
    if (norm.isPresent()) {
      ops.gatedRmsNorm(norm.get(), step.tokens);
    } else {
      ops.activateMul(gated, gate, scan.dst(), Activation.SILU, step.tokens);
    }
    ops.matmul(output, gated, weights.output(), step.tokens);
  }
}
