package dev.krait.cuda;

import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.tensor.Rows;

/// Recurrences by kernels/selective_scan.cu and kernels/ssd_scan.cu.
final class CudaScans {
  private static final int SELECTIVE_THREADS = 128;
  private static final int SELECTIVE_CHANNELS = SELECTIVE_THREADS / 4;
  private static final int SSD_PARTS = 4;
  private static final int MOST_SSD_HEAD_DIM = 128;
  private static final int[] SELECTIVE_STATES = {8, 16, 32, 128};
  private static final int[] SSD_STATES = {16, 64, 128, 256};

  /// States up to which there are kernels that load several tokens at a time.
  private static final int MOST_STATES_AHEAD = 32;

  private final Kernel[] selective = new Kernel[SELECTIVE_STATES.length];
  private final Kernel[] selectiveAhead = new Kernel[SELECTIVE_STATES.length];
  private final Kernel[] ssd = new Kernel[SSD_STATES.length];

  CudaScans(CudaDevice device) {
    KernelModule first = KernelModule.load(device, "selective_scan");
    for (int i = 0; i < selective.length; i++) {
      String name = "selective_scan_" + SELECTIVE_STATES[i];
      selective[i] = first.kernel(name);
      selectiveAhead[i] =
          SELECTIVE_STATES[i] <= MOST_STATES_AHEAD ? first.kernel(name + "_ahead") : selective[i];
    }
    KernelModule second = KernelModule.load(device, "ssd_scan");
    for (int i = 0; i < ssd.length; i++) {
      ssd[i] = second.kernel("ssd_scan_" + SSD_STATES[i]);
    }
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

  void selective(
      Rows dst,
      Rows x,
      Rows timeStep,
      Rows b,
      Rows c,
      Rows z,
      Mamba1 mixer,
      Mamba1Weights weights,
      StateCache cache,
      StepInputs step,
      CudaStep own) {
    boolean several = step.tokens > step.sequences;
    Kernel kernel =
        enough(several ? selectiveAhead : selective, SELECTIVE_STATES, mixer.stateDim());
    KernelParams params = kernel.params();
    Arguments.put(params, dst);
    Arguments.put(params, x);
    Arguments.put(params, timeStep);
    Arguments.put(params, b);
    Arguments.put(params, c);
    Arguments.put(params, z);
    own.put(params);
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
        .integer(Math.max(1, cache.windowTokens()));
    int blocks = Math.ceilDiv(mixer.innerDim(), SELECTIVE_CHANNELS);
    kernel.launch(blocks, step.sequences, 1, SELECTIVE_THREADS, 0);
  }

  void ssd(
      Rows dst,
      Rows xbc,
      Rows timeStep,
      Mamba2 mixer,
      Mamba2Weights weights,
      StateCache cache,
      StepInputs step,
      CudaStep own) {
    if (mixer.headDim() > MOST_SSD_HEAD_DIM) {
      throw new IllegalArgumentException(
          "headDim: " + mixer.headDim() + " (expected: at most " + MOST_SSD_HEAD_DIM + ")");
    }
    Kernel kernel = enough(ssd, SSD_STATES, mixer.stateDim());
    KernelParams params = kernel.params();
    Arguments.put(params, dst);
    Arguments.put(params, xbc);
    Arguments.put(params, timeStep);
    own.put(params);
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
    kernel.launch(mixer.heads(), step.sequences, 1, SSD_PARTS * mixer.headDim(), 0);
  }
}
