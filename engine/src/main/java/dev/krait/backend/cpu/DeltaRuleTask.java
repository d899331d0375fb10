package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.GatedDeltaNet;
import dev.krait.tensor.Rows;

/// The gated delta rule: workers take sequences and heads, see [DeltaRuleHead]; then the caller
/// keeps the keys of windowed tokens, which heads share.
@SuppressWarnings("NullAway.Init")
final class DeltaRuleTask {
  /// State elements times tokens worth waking a thread for; a state comes from memory.
  private static final int GRAIN_STATES = 8 * 1024;

  private final WorkerPool pool;
  private final DeltaRuleHead[] heads;
  private final WorkerPool.Task task = this::runHeads;

  DeltaRuleArgs args;
  GatedDeltaNet mixer;
  Rows qkv;
  float[] a;
  float[] bias;
  StateCache cache;
  StepInputs step;

  DeltaRuleTask(WorkerPool pool) {
    this.pool = pool;
    heads = new DeltaRuleHead[pool.threads()];
    for (int i = 0; i < heads.length; i++) {
      heads[i] = new DeltaRuleHead(this);
    }
  }

  void run(DeltaRuleArgs args, StepInputs step) {
    this.args = args;
    mixer = args.weights().mixer();
    qkv = args.qkv();
    a = HostBuffer.floats(args.weights().a());
    bias = HostBuffer.floats(args.weights().decayBias());
    cache = args.cache();
    this.step = step;
    int tokens = step.tokens;
    for (int s = 0; s < step.sequences; s++) {
      tokens += step.foldTokens[s] + step.heldTokens[s];
    }
    tokens = Math.max(1, tokens / Math.max(1, step.sequences));
    int itemWork = mixer.keyDim() * mixer.valueDim() * tokens;
    pool.parallelFor(task, step.sequences * mixer.valueHeads(), GRAIN_STATES / itemWork + 1);
    for (int s = 0; s < step.sequences; s++) {
      for (int j = step.directTokens[s]; j < step.tokenCount[s]; j++) {
        keepKeys(s, j);
      }
    }
  }

  /// First window element of a sequence's position.
  int windowFrom(int sequence, int position) {
    int rows = cache.windowTokens();
    int row = step.stateSlot[sequence] * rows + position % rows;
    return row * mixer.inputElements();
  }

  private void keepKeys(int sequence, int j) {
    int to = windowFrom(sequence, step.firstPosition[sequence] + j);
    int keys = mixer.keyColumns();
    int from = HostRows.at(qkv, step.firstToken[sequence] + j) + keys;
    System.arraycopy(HostRows.floats(qkv), from, HostBuffer.floats(cache.window()), to, keys);
  }

  private void runHeads(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      heads[worker].run(item / mixer.valueHeads(), item % mixer.valueHeads());
    }
  }
}
