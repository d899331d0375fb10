package dev.krait.backend;

import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.model.Activation;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.DeltaVectors;
import dev.krait.model.MixerWeights.GatedDeltaNetWeights;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.model.Norm;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.List;
import java.util.Optional;

/// A convolution and a scan over slots of a pool that is larger than needed and permuted; the
/// output is that of the scan.
final class RecurrentRig extends SequenceRig {
  /// Most tokens that can be in the window unverified or accepted.
  static final int WINDOW = 6;

  private final Mixer mixer;
  private final StateCache cache;
  private final Buffer taps;
  private final Buffer convBias;
  private final Buffer timeStepBias;
  private final Buffer a;
  private final Buffer d;
  private final WeightMatrix none;
  private final int channels;

  RecurrentRig(OpRig bench, Mixer mixer, int sequences, int length) {
    super(bench, sequences, length, outputColumns(mixer));
    this.mixer = mixer;
    none = bench.matrix(1, 1, DType.F32);
    int slots = sequences + 2;
    int decays;
    int steps;
    switch (mixer) {
      case Mamba1 m -> {
        channels = m.innerDim();
        decays = m.stateDim() * m.innerDim();
        steps = m.innerDim();
        addInput(m.xDim(), 2);
        addInput(steps, 3);
        addInput(m.bGroups() * m.stateDim(), 1);
        addInput(m.cGroups() * m.stateDim(), 1);
        addInput(m.innerDim(), 3);
      }
      case Mamba2 m -> {
        channels = m.convChannels();
        decays = m.heads();
        steps = m.heads();
        addInput(m.convChannels(), 2);
        addInput(steps, 3);
      }
      default -> {
        GatedDeltaNet m = (GatedDeltaNet) mixer;
        channels = m.convChannels();
        decays = m.valueHeads();
        steps = m.decays();
        addInput(m.convChannels(), 2);
        addInput(m.valueHeads(), 3);
        addInput(m.decays(), 3);
      }
    }
    StateSpec spec = (StateSpec) mixer.cacheSpec().orElseThrow();
    int stateElements = Math.toIntExact(spec.stateElements());
    taps = bench.buffer(channels * width(), 1);
    convBias = bench.buffer(channels, 1);
    timeStepBias = bench.buffer(steps, 1);
    d = bench.buffer(steps, 1);
    float[] negative = bench.values(decays, 2);
    for (int i = 0; i < decays; i++) {
      negative[i] = -Math.abs(negative[i]);
    }
    a = bench.bufferOf(negative);
    int ringTokens = width() - 1 + WINDOW;
    cache =
        new StateCache(
            bench.buffer(slots * stateElements, 5),
            bench.buffer(slots * ringTokens * spec.convChannels(), 5),
            bench.buffer(slots * 2 * WINDOW * spec.inputElements(), 5),
            ringTokens,
            2 * WINDOW);
  }

  private static int outputColumns(Mixer mixer) {
    return switch (mixer) {
      case Mamba1 m -> m.innerDim();
      case Mamba2 m -> m.innerDim();
      default -> ((GatedDeltaNet) mixer).valueColumns();
    };
  }

  private int width() {
    return ((StateSpec) mixer.cacheSpec().orElseThrow()).convWidth();
  }

  @Override
  int maxBlocks() {
    return 1;
  }

  @Override
  void place(StepInputs step, int index, int sequence) {
    step.stateSlot[index] = sequences - sequence;
  }

  @Override
  void compute(Rows dst, List<Rows> in, StepInputs step) {
    Rows convolved = bench.rows(step.tokens, channels, 0);
    Ops ops = bench.ops();
    if (mixer instanceof Mamba1 m) {
      int group = m.groupWidth();
      ops.causalConv(conv(convolved, in.get(0), group, m.repeat()), step);
      Mamba1Weights weights =
          new Mamba1Weights(
              m, none, taps, convBias, Optional.empty(), none, timeStepBias, a, d, none);
      ops.selectiveScan(
          new SelectiveScanArgs(
              dst, convolved, in.get(1), in.get(2), in.get(3), in.get(4), weights, cache),
          step);
    } else if (mixer instanceof Mamba2 m) {
      ops.causalConv(conv(convolved, in.get(0), channels, 1), step);
      Mamba2Weights weights =
          new Mamba2Weights(m, none, taps, convBias, timeStepBias, a, d, d, none);
      ops.ssdScan(new SsdScanArgs(dst, convolved, in.get(1), weights, cache), step);
    } else {
      deltaRule((GatedDeltaNet) mixer, dst, convolved, in, step);
    }
  }

  private void deltaRule(
      GatedDeltaNet m, Rows dst, Rows convolved, List<Rows> in, StepInputs step) {
    Ops ops = bench.ops();
    ops.causalConv(conv(convolved, in.get(0), channels, 1), step);
    float[] ones = new float[m.keyDim()];
    java.util.Arrays.fill(ones, 1f / m.keyDim());
    Norm norm = new Norm(m.keyDim(), 1e-6f);
    Rows both = convolved.columns(0, 2 * m.keyColumns());
    ops.headRmsNorm(
        new HeadNormArgs(both, 2 * m.keyHeads(), bench.bufferOf(ones), norm), step.tokens);
    GatedDeltaNetWeights weights =
        new GatedDeltaNetWeights(
            m,
            none,
            Optional.empty(),
            Optional.empty(),
            taps,
            timeStepBias,
            a,
            new DeltaVectors(convBias, a, a),
            a,
            none);
    ops.deltaRule(new DeltaRuleArgs(dst, convolved, in.get(1), in.get(2), weights, cache), step);
  }

  private CausalConvArgs conv(Rows dst, Rows x, int groupWidth, int repeat) {
    return new CausalConvArgs(
        dst, x, taps, convBias, width(), groupWidth, repeat, Activation.SILU, cache);
  }

  @Override
  List<Buffer> memory() {
    return List.of(cache.state());
  }

  /// Memory that also depends on what was in the window.
  List<Buffer> allMemory() {
    return List.of(cache.state(), cache.convRing(), cache.window());
  }
}
