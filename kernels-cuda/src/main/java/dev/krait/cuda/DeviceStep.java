package dev.krait.cuda;

import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.KernelParams;
import java.nio.IntBuffer;

/// The device's copy of a [StepInputs] at fixed addresses: what kernels see as `Step`.
final class DeviceStep {
  /// Of `Token` in step.cuh.
  private static final int TOKEN_INTS = 4;

  /// Of `Sequence` in step.cuh.
  private static final int SEQUENCE_INTS = 8;

  private final StepInputs step;
  private final DeviceInts tokens;
  private final DeviceInts sequences;
  private final DeviceInts blocks;

  DeviceStep(CudaDevice device, StepInputs step) {
    this.step = step;
    tokens = new DeviceInts(device, TOKEN_INTS * step.tokenIds.length);
    sequences = new DeviceInts(device, SEQUENCE_INTS * step.firstToken.length);
    blocks = new DeviceInts(device, step.blockTable.length);
  }

  /// Copies what the step holds now.
  void upload() {
    IntBuffer to = tokens.begin();
    for (int t = 0; t < step.tokens; t++) {
      to.put(TOKEN_INTS * t, step.tokenIds[t]);
      to.put(TOKEN_INTS * t + 1, step.positions[t]);
      to.put(TOKEN_INTS * t + 2, step.sequenceOf[t]);
    }
    tokens.upload(TOKEN_INTS * step.tokens);
    to = sequences.begin();
    for (int s = 0; s < step.sequences; s++) {
      to.put(SEQUENCE_INTS * s, step.firstToken[s]);
      to.put(SEQUENCE_INTS * s + 1, step.tokenCount[s]);
      to.put(SEQUENCE_INTS * s + 2, step.firstPosition[s]);
      to.put(SEQUENCE_INTS * s + 3, step.directTokens[s]);
      to.put(SEQUENCE_INTS * s + 4, step.foldTokens[s]);
      to.put(SEQUENCE_INTS * s + 5, step.heldTokens[s]);
      to.put(SEQUENCE_INTS * s + 6, step.stateSlot[s]);
    }
    sequences.upload(SEQUENCE_INTS * step.sequences);
    int used = step.sequences * step.maxBlocks;
    blocks.begin().put(0, step.blockTable, 0, used);
    blocks.upload(used);
  }

  /// Writes the fields of `Step`.
  void put(KernelParams params) {
    params
        .pointer(tokens.address())
        .pointer(sequences.address())
        .pointer(blocks.address())
        .integer(step.maxBlocks)
        .align();
  }
}
