package dev.krait.cuda;

import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import org.jspecify.annotations.Nullable;

/// Recurrences by kernels/selective_scan.cu and kernels/ssd_scan.cu.
final class CudaScans {
  /// Elements of a head that a block takes in steps with more tokens than sequences, so that one
  /// sequence's heads fill the device.
  private static final int SSD_FEW_ELEMENTS = 32;

  /// Sequences for which the scan projects step sizes itself: the blocks of each read all weights.
  private static final int MAX_PROJECTED_SEQUENCES = 4;

  private static final int[] SELECTIVE_STATES = {8, 16, 32, 128};
  private static final int[] SSD_STATES = {16, 64, 128, 256};

  /// States up to which there are kernels that load several tokens at a time, and that project step
  /// sizes.
  private static final int MAX_STATES_AHEAD = 32;

  private final Kernel[] selective = new Kernel[SELECTIVE_STATES.length];
  private final Kernel[] selectiveAhead = new Kernel[SELECTIVE_STATES.length];
  private final Kernel[] selectiveSteps = new Kernel[SELECTIVE_STATES.length];
  private final Kernel[] ssd = new Kernel[SSD_STATES.length];
  private final int selectiveThreads;
  private final int selectiveChannels;

  /// Tokens of a step and columns of which the scan projects step sizes itself.
  private final int maxProjectedTokens;

  private final int maxProjectedRank;
  private final int ssdParts;
  private final int ssdMostElements;

  CudaScans(CudaDevice device) {
    KernelModule first = KernelModule.load(device, "selective_scan");
    for (int i = 0; i < selective.length; i++) {
      String name = "selective_scan_" + SELECTIVE_STATES[i];
      selective[i] = first.kernel(name);
      boolean few = SELECTIVE_STATES[i] <= MAX_STATES_AHEAD;
      selectiveAhead[i] = few ? first.kernel(name + "_ahead") : selective[i];
      selectiveSteps[i] = few ? first.kernel(name + "_steps") : selective[i];
    }
    selectiveThreads = first.constant("selective_scan_threads");
    selectiveChannels = first.constant("selective_scan_channels");
    maxProjectedTokens = first.constant("selective_scan_steps_tokens");
    maxProjectedRank = first.constant("selective_scan_steps_rank");
    KernelModule second = KernelModule.load(device, "ssd_scan");
    for (int i = 0; i < ssd.length; i++) {
      ssd[i] = second.kernel("ssd_scan_" + SSD_STATES[i]);
    }
    ssdParts = second.constant("ssd_parts");
    ssdMostElements = second.constant("ssd_most_elements");
  }

  /// The kernel whose states are enough.
  private static Kernel enough(Kernel[] kernels, int[] states, int needed) {
    for (int i = 0; i < states.length; i++) {
      if (states[i] >= needed) {
        return kernels[i];
      }
    }
    throw new IllegalArgumentException(
        "stateDim: " + needed + " (expected: at most " + states[states.length - 1] + ")");
  }

  /// Whether the scan can project the step sizes of a step.
  boolean projects(Rows lowRank, Mamba1Weights weights, StepInputs step) {
    return step.tokens <= maxProjectedTokens
        && step.sequences <= MAX_PROJECTED_SEQUENCES
        && weights.mixer().stateDim() <= MAX_STATES_AHEAD
        && lowRank.columns() <= maxProjectedRank
        && weights.timeStep() instanceof CudaMatrix matrix
        && matrix.layout() == CudaMatrix.Layout.OPERAND;
  }

  /// The scan.
  ///
  /// @param lowRank what step sizes are projected from when the kernel does it; null when they are
  ///   given
  void selective(@Nullable Rows lowRank, SelectiveScanArgs args, CudaStep step) {
    if (step.sequences == 0) {
      return;
    }
    Mamba1Weights weights = args.weights();
    Mamba1 mixer = weights.mixer();
    StateCache cache = args.cache();
    Kernel[] given = step.tokens > step.sequences ? selectiveAhead : selective;
    Kernel kernel =
        enough(lowRank == null ? given : selectiveSteps, SELECTIVE_STATES, mixer.stateDim());
    KernelParams params = kernel.params();
    int operandRows = Arguments.putMaybeOperand(params, args.dst(), step.tokens);
    Arguments.put(params, args.x());
    Arguments.put(params, args.timeStep());
    Arguments.put(params, args.b());
    Arguments.put(params, args.c());
    Arguments.put(params, args.z());
    step.put(params);
    params
        .pointer(Arguments.address(weights.a()))
        .pointer(Arguments.address(weights.d()))
        .pointer(Arguments.address(weights.timeStepBias()))
        .pointer(Arguments.address(cache.state()))
        .pointer(Arguments.address(cache.window()))
        .integer(mixer.innerDim())
        .integer(mixer.stateDim())
        .integer(mixer.bGroups())
        .integer(mixer.cGroups())
        .integer(Math.max(1, cache.windowTokens()))
        .integer(operandRows);
    putProjection(params, lowRank, weights.timeStep());
    int columns =
        operandRows == 0 ? mixer.innerDim() : OperandBuffer.paddedColumns(mixer.innerDim());
    int blocks = Math.ceilDiv(columns, selectiveChannels);
    kernel.launch(blocks, step.sequences, 1, selectiveThreads, 0);
  }

  private static void putProjection(
      KernelParams params, @Nullable Rows lowRank, WeightMatrix weight) {
    if (lowRank == null) {
      Arguments.putNone(params);
      params.pointer(0).integer(0).align();
    } else {
      CudaMatrix matrix = (CudaMatrix) weight;
      Arguments.put(params, lowRank);
      params.pointer(matrix.address()).integer(matrix.paddedRows()).align();
    }
  }

  void ssd(SsdScanArgs args, CudaStep step) {
    Mamba2Weights weights = args.weights();
    Mamba2 mixer = weights.mixer();
    StateCache cache = args.cache();
    Kernel kernel = enough(ssd, SSD_STATES, mixer.stateDim());
    KernelParams params = kernel.params();
    Arguments.put(params, args.dst());
    Arguments.put(params, args.xbc());
    Arguments.put(params, args.timeStep());
    step.put(params);
    params
        .pointer(Arguments.address(weights.a()))
        .pointer(Arguments.address(weights.d()))
        .pointer(Arguments.address(weights.timeStepBias()))
        .pointer(Arguments.address(cache.state()))
        .pointer(Arguments.address(cache.window()))
        .integer(mixer.heads())
        .integer(mixer.headDim())
        .integer(mixer.stateDim())
        .integer(mixer.xHeads())
        .integer(mixer.bGroups())
        .integer(mixer.cGroups())
        .integer(Math.max(1, cache.windowTokens()));
    int most = step.tokens > step.sequences ? SSD_FEW_ELEMENTS : ssdMostElements;
    int parts = Math.ceilDiv(mixer.headDim(), most);
    int elements = Math.ceilDiv(mixer.headDim(), parts);
    kernel.launch(mixer.heads(), step.sequences, parts, ssdParts * elements, 0);
  }
}
