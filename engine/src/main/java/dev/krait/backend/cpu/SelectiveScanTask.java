package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.tensor.Rows;

/// The Mamba-1 scan: first all step sizes, then the scan itself before the gate, then the gate. The
/// three do not share a loop: together they outgrow what the compiler inlines.
///
/// In the scan workers take sequences and strips of channels, see [SelectiveStrip]; then the caller
/// keeps the vectors B of windowed tokens, which all strips share.
@SuppressWarnings("NullAway.Init")
final class SelectiveScanTask {
  private static final int GRAIN_STEPS = 2 * 1024;
  private static final int GRAIN_STATES = 8 * 1024;

  private final WorkerPool pool;
  private final SelectiveStrip[] strips;
  private final ElementTask elements;
  private final WorkerPool.Task stepSizes = this::runStepSizes;
  private final WorkerPool.Task task = this::runStrips;

  /// Step sizes of all rows, after softplus `[tokens, innerDim]`.
  float[] steps = new float[0];

  Rows dst;
  Rows x;
  Rows timeStep;
  Rows b;
  Rows c;
  Mamba1 mixer;
  float[] a;
  float[] d;
  float[] bias;
  StateCache cache;
  StepInputs step;
  private int stripsOfSequence;

  SelectiveScanTask(WorkerPool pool, ElementTask elements) {
    this.pool = pool;
    this.elements = elements;
    strips = new SelectiveStrip[pool.threads()];
    for (int i = 0; i < strips.length; i++) {
      strips[i] = new SelectiveStrip(this);
    }
  }

  void run(SelectiveScanArgs args, StepInputs step) {
    dst = args.dst();
    x = args.x();
    timeStep = args.timeStep();
    b = args.b();
    c = args.c();
    mixer = args.weights().mixer();
    a = HostBuffer.floats(args.weights().a());
    d = HostBuffer.floats(args.weights().d());
    bias = HostBuffer.floats(args.weights().timeStepBias());
    cache = args.cache();
    this.step = step;
    if (steps.length < step.tokens * mixer.innerDim()) {
      steps = new float[step.tokens * mixer.innerDim()];
    }
    pool.parallelFor(stepSizes, step.tokens, GRAIN_STEPS / mixer.innerDim() + 1);
    stripsOfSequence = (mixer.innerDim() + SelectiveStrip.WIDTH - 1) / SelectiveStrip.WIDTH;
    int tokens = Math.max(1, step.tokens / Math.max(1, step.sequences));
    int itemWork = SelectiveStrip.WIDTH * mixer.stateDim() * tokens;
    pool.parallelFor(task, step.sequences * stripsOfSequence, GRAIN_STATES / itemWork + 1);
    for (int s = 0; s < step.sequences; s++) {
      for (int j = step.directTokens[s]; j < step.tokenCount[s]; j++) {
        keepB(s, j);
      }
    }
    elements.activateMul(dst, args.z(), dst, Activation.SILU, step.tokens);
  }

  private void runStepSizes(int worker, int first, int end) {
    int inner = mixer.innerDim();
    float[] raw = HostRows.floats(timeStep);
    for (int row = first; row < end; row++) {
      ElementTask.softplus(steps, row * inner, raw, HostRows.at(timeStep, row), bias, inner);
    }
  }

  /// First window element of a sequence's position.
  int windowFrom(int sequence, int position) {
    int rows = cache.windowTokens();
    int row = step.stateSlot[sequence] * rows + position % rows;
    return row * mixer.inputElements();
  }

  private void keepB(int sequence, int j) {
    int to = windowFrom(sequence, step.firstPosition[sequence] + j) + 2 * mixer.innerDim();
    int from = HostRows.at(b, step.firstToken[sequence] + j);
    int elements = mixer.bGroups() * mixer.stateDim();
    System.arraycopy(HostRows.floats(b), from, HostBuffer.floats(cache.window()), to, elements);
  }

  private void runStrips(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int channel = item % stripsOfSequence * SelectiveStrip.WIDTH;
      strips[worker].scan(item / stripsOfSequence, channel);
    }
  }
}
