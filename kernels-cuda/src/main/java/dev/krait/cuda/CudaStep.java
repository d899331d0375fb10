package dev.krait.cuda;

import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.KernelParams;
import java.nio.IntBuffer;

/// A step with the device's copy of it at fixed addresses, which kernels see as `Step`, and the
/// graphs that were recorded with these addresses.
final class CudaStep extends StepInputs {
  /// Of `Token` in step.cuh.
  private static final int TOKEN_INTS = 4;

  /// Of `Sequence` in step.cuh.
  private static final int SEQUENCE_INTS = 8;

  private final DeviceInts tokenRows;
  private final DeviceInts sequenceRows;
  private final DeviceInts blocks;
  private final DeviceInts outputIndices;
  private final StepGraphs graphs;

  CudaStep(CudaDevice device, int maxTokens, int maxSequences, int maxBlocks) {
    super(maxTokens, maxSequences, maxBlocks);
    tokenRows = new DeviceInts(device, TOKEN_INTS * maxTokens);
    sequenceRows = new DeviceInts(device, SEQUENCE_INTS * maxSequences);
    blocks = new DeviceInts(device, blockTable.length);
    outputIndices = new DeviceInts(device, maxTokens);
    graphs = new StepGraphs(device);
  }

  /// Recorded runs of this step.
  StepGraphs graphs() {
    return graphs;
  }

  /// Copies what the step holds now.
  void upload() {
    IntBuffer to = tokenRows.begin();
    for (int t = 0; t < tokens; t++) {
      to.put(TOKEN_INTS * t, tokenIds[t]);
      to.put(TOKEN_INTS * t + 1, positions[t]);
      to.put(TOKEN_INTS * t + 2, sequenceOf[t]);
    }
    tokenRows.upload(TOKEN_INTS * tokens);
    to = sequenceRows.begin();
    for (int s = 0; s < sequences; s++) {
      to.put(SEQUENCE_INTS * s, firstToken[s]);
      to.put(SEQUENCE_INTS * s + 1, tokenCount[s]);
      to.put(SEQUENCE_INTS * s + 2, firstPosition[s]);
      to.put(SEQUENCE_INTS * s + 3, directTokens[s]);
      to.put(SEQUENCE_INTS * s + 4, foldTokens[s]);
      to.put(SEQUENCE_INTS * s + 5, heldTokens[s]);
      to.put(SEQUENCE_INTS * s + 6, stateSlot[s]);
    }
    sequenceRows.upload(SEQUENCE_INTS * sequences);
    int used = sequences * maxBlocks;
    blocks.begin().put(0, blockTable, 0, used);
    blocks.upload(used);
    if (outputs > 0) {
      outputIndices.begin().put(0, outputRows, 0, outputs);
      outputIndices.upload(outputs);
    }
  }

  /// Where the rows of the outputs lie, from one on.
  long outputAddress(int first) {
    return outputIndices.address() + (long) Integer.BYTES * first;
  }

  /// Writes the fields of `Step`.
  void put(KernelParams params) {
    params
        .pointer(tokenRows.address())
        .pointer(sequenceRows.address())
        .pointer(blocks.address())
        .integer(maxBlocks)
        .align();
  }
}
