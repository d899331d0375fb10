package dev.krait.cuda;

import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.generation.SamplingParams;
import java.nio.IntBuffer;

/// A step with the device's copy of it, which kernels see as `Step`, and the graphs that were
/// recorded with its addresses, which are the same for all steps of a shape.
///
/// Twins share the device's copy: steps run one after the other, and what a step needs is copied
/// behind the step before. On the host each has its own, so that one is filled while the other's is
/// on its way.
final class CudaStep extends StepInputs {
  /// Of `Token` in step.cuh.
  private static final int TOKEN_INTS = 4;

  /// Of `Sequence` in step.cuh.
  private static final int SEQUENCE_INTS = 8;

  /// Of `Sampling` in choose_tokens.cu.
  private static final int SAMPLING_INTS = 8;

  /// Of `Chosen` in step.cuh.
  private static final int CHOSEN_INTS = 2;

  private final CudaDevice device;
  private final DeviceInts rows;
  private final DeviceInts results;
  private final StepGraphs graphs;
  private final CudaDevice.Event done;
  private boolean pending;

  CudaStep(CudaDevice device, int maxTokens, int maxSequences, int maxBlocks) {
    super(maxTokens, maxSequences, maxBlocks);
    this.device = device;
    int ofTokens = (SAMPLING_INTS + TOKEN_INTS + 1) * maxTokens;
    rows = new DeviceInts(device, SEQUENCE_INTS * maxSequences + ofTokens + blockTable.length);
    results = new DeviceInts(device, CHOSEN_INTS * maxTokens);
    graphs = new StepGraphs(device);
    done = device.newEvent();
  }

  private CudaStep(CudaStep other) {
    super(other.tokenIds.length, other.firstToken.length, other.maxBlocks);
    device = other.device;
    rows = other.rows.twin();
    results = other.results.twin();
    graphs = other.graphs;
    done = device.newEvent();
  }

  /// Refuses kernels for which tokens and sequences lie otherwise.
  static void requireLayout(KernelModule rows) {
    rows.require("step_token_bytes", TOKEN_INTS * Integer.BYTES);
    rows.require("step_sequence_bytes", SEQUENCE_INTS * Integer.BYTES);
  }

  /// Refuses kernels for which samplings and chosen tokens lie otherwise.
  static void requireChoiceLayout(KernelModule choices) {
    choices.require("choose_tokens_sampling_bytes", SAMPLING_INTS * Integer.BYTES);
    choices.require("choose_tokens_chosen_bytes", CHOSEN_INTS * Integer.BYTES);
  }

  @Override
  public StepInputs twin() {
    return new CudaStep(this);
  }

  /// Recorded runs of this step and its twin.
  StepGraphs graphs() {
    return graphs;
  }

  /// Copies what the step holds now, behind everything that was launched before: all at once, but
  /// for the block tables of several sequences, which are mostly empty.
  void upload() {
    await();
    IntBuffer to = rows.host();
    for (int s = 0; s < sequences; s++) {
      to.put(SEQUENCE_INTS * s, firstToken[s]);
      to.put(SEQUENCE_INTS * s + 1, tokenCount[s]);
      to.put(SEQUENCE_INTS * s + 2, firstPosition[s]);
      to.put(SEQUENCE_INTS * s + 3, directTokens[s]);
      to.put(SEQUENCE_INTS * s + 4, foldTokens[s]);
      to.put(SEQUENCE_INTS * s + 5, heldTokens[s]);
      to.put(SEQUENCE_INTS * s + 6, stateSlot[s]);
    }
    putSamplings(to);
    for (int t = 0; t < tokens; t++) {
      int at = tokensAt() + TOKEN_INTS * t;
      to.put(at, tokenIds[t]);
      to.put(at + 1, positions[t]);
      to.put(at + 2, sequenceOf[t]);
    }
    to.put(outputsAt(), outputRows, 0, outputs);
    for (int s = 0; s < sequences; s++) {
      to.put(blocksAt() + s * maxBlocks, blockTable, s * maxBlocks, usedBlocks);
    }
    if (sequences == 1) {
      rows.upload(blocksAt() + usedBlocks);
    } else {
      rows.upload(blocksAt());
      rows.uploadRows(blocksAt(), usedBlocks, maxBlocks, sequences);
    }
  }

  private void putSamplings(IntBuffer to) {
    for (int o = 0; o < choices; o++) {
      SamplingParams how = sampling[o];
      int at = samplingsAt() + SAMPLING_INTS * o;
      to.put(at, Float.floatToRawIntBits(how.isGreedy() ? 0 : how.temperature()));
      to.put(at + 1, Float.floatToRawIntBits(how.topP()));
      to.put(at + 2, Float.floatToRawIntBits(how.minP()));
      to.put(at + 3, how.topK());
      to.put(at + 4, (int) how.seed());
      to.put(at + 5, (int) (how.seed() >>> 32));
      to.put(at + 6, chosenPosition(o));
    }
  }

  // Sequences, samplings, tokens, outputs and block tables lie behind one another, in the order of
  // their alignment. Where each begins follows from the numbers that a graph is recorded for.

  private int samplingsAt() {
    return SEQUENCE_INTS * sequences;
  }

  private int tokensAt() {
    return samplingsAt() + SAMPLING_INTS * choices;
  }

  private int outputsAt() {
    return tokensAt() + TOKEN_INTS * tokens;
  }

  private int blocksAt() {
    return outputsAt() + outputs;
  }

  /// Has the chosen tokens copied behind everything that was launched before.
  void finish() {
    results.download(CHOSEN_INTS * choices);
    done.record();
    pending = true;
  }

  @Override
  public void await() {
    if (!pending) {
      return;
    }
    pending = false;
    done.await();
    IntBuffer from = results.host();
    for (int o = 0; o < choices; o++) {
      chosenIds[o] = from.get(CHOSEN_INTS * o);
      probabilities[o] = Float.intBitsToFloat(from.get(CHOSEN_INTS * o + 1));
    }
  }

  /// Where the rows of the outputs lie, from one on.
  long outputAddress(int first) {
    return rows.address(outputsAt() + first);
  }

  /// Where it says how tokens are chosen, from an output on.
  long samplingAddress(int first) {
    return rows.address(samplingsAt() + SAMPLING_INTS * first);
  }

  /// Where chosen tokens lie, from an output on, until the next step chooses.
  long chosenAddress(int first) {
    return results.address(CHOSEN_INTS * first);
  }

  /// Writes the fields of `Step`.
  void put(KernelParams params) {
    params
        .pointer(rows.address(tokensAt()))
        .pointer(rows.address(0))
        .pointer(rows.address(blocksAt()))
        .integer(maxBlocks)
        .align();
  }
}
