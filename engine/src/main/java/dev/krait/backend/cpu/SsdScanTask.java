package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.tensor.Rows;

/// The Mamba-2 scan: workers take sequences and heads, see [SsdHead]; then the caller keeps x and B
/// of windowed tokens, which heads share.
@SuppressWarnings("NullAway.Init")
final class SsdScanTask {
  /// State elements times tokens worth waking a thread for; a state comes from memory.
  private static final int GRAIN_STATES = 8 * 1024;

  private final WorkerPool pool;
  private final SsdHead[] heads;
  private final WorkerPool.Task task = this::runHeads;

  Rows dst;
  Rows xbc;
  Rows timeStep;
  Mamba2 mixer;
  float[] a;
  float[] d;
  float[] bias;
  StateCache cache;
  StepInputs step;

  SsdScanTask(WorkerPool pool) {
    this.pool = pool;
    heads = new SsdHead[pool.threads()];
    for (int i = 0; i < heads.length; i++) {
      heads[i] = new SsdHead(this);
    }
  }

  void run(SsdScanArgs args, StepInputs step) {
    dst = args.dst();
    xbc = args.xbc();
    timeStep = args.timeStep();
    mixer = args.weights().mixer();
    a = HostBuffer.floats(args.weights().a());
    d = HostBuffer.floats(args.weights().d());
    bias = HostBuffer.floats(args.weights().timeStepBias());
    cache = args.cache();
    this.step = step;
    int tokens = step.tokens;
    for (int s = 0; s < step.sequences; s++) {
      tokens += step.foldTokens[s] + step.heldTokens[s];
    }
    tokens = Math.max(1, tokens / Math.max(1, step.sequences));
    int itemWork = mixer.headDim() * mixer.stateDim() * tokens;
    pool.parallelFor(task, step.sequences * mixer.heads(), GRAIN_STATES / itemWork + 1);
    for (int s = 0; s < step.sequences; s++) {
      for (int j = step.directTokens[s]; j < step.tokenCount[s]; j++) {
        keepXAndB(s, j);
      }
    }
  }

  /// First window element of a sequence's position.
  int windowFrom(int sequence, int position) {
    int rows = cache.windowTokens();
    int row = step.stateSlot[sequence] * rows + position % rows;
    return row * mixer.inputElements();
  }

  /// Elements of x and B, at the start of a row of inputs and of the window.
  int xAndBElements() {
    return mixer.xDim() + mixer.bGroups() * mixer.stateDim();
  }

  private void keepXAndB(int sequence, int j) {
    int to = windowFrom(sequence, step.firstPosition[sequence] + j);
    int from = HostRows.at(xbc, step.firstToken[sequence] + j);
    float[] window = HostBuffer.floats(cache.window());
    System.arraycopy(HostRows.floats(xbc), from, window, to, xAndBElements());
  }

  private void runHeads(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      heads[worker].scan(item / mixer.heads(), item % mixer.heads());
    }
  }
}
