package dev.krait.backend.reference;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.StepInputs;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.tensor.Rows;
import java.util.Arrays;

/// The Mamba-2 scan of one sequence: replay, advance, evaluate, in this order, one token after
/// another.
final class ReferenceSsdScan {
  private final Mamba2 mixer;
  private final StateCache cache;
  private final StepInputs step;
  private final int sequence;
  private final float[] a;
  private final float[] d;
  private final float[] bias;

  /// x, B (before the repeat) and step sizes (after softplus) of the token at hand, as they lie in
  /// the window.
  private final float[] inputs;

  private float[] state;
  private int stateFrom;

  ReferenceSsdScan(
      Mamba2 mixer, Mamba2Weights weights, StateCache cache, StepInputs step, int sequence) {
    this.mixer = mixer;
    this.cache = cache;
    this.step = step;
    this.sequence = sequence;
    a = HostBuffer.floats(weights.a());
    d = HostBuffer.floats(weights.d());
    bias = HostBuffer.floats(weights.timeStepBias());
    inputs = new float[mixer.inputElements()];
    state = HostBuffer.floats(cache.state());
    stateFrom = step.stateSlot[sequence] * mixer.innerDim() * mixer.stateDim();
  }

  void run(Rows dst, Rows xbc, Rows timeStep) {
    int stateElements = mixer.innerDim() * mixer.stateDim();
    if (step.startsFresh(sequence)) {
      Arrays.fill(state, stateFrom, stateFrom + stateElements, 0);
    }
    int heldFrom = step.firstPosition[sequence] - step.heldTokens[sequence];
    replay(heldFrom - step.foldTokens[sequence], step.foldTokens[sequence]);
    int direct = step.directTokens[sequence];
    for (int j = 0; j < step.tokenCount[sequence]; j++) {
      if (j == direct) {
        state = Arrays.copyOfRange(state, stateFrom, stateFrom + stateElements);
        stateFrom = 0;
        replay(heldFrom, step.heldTokens[sequence]);
      }
      int row = step.firstToken[sequence] + j;
      loadInputs(row, xbc, timeStep);
      if (j >= direct) {
        int to = windowFrom(step.firstPosition[sequence] + j);
        System.arraycopy(inputs, 0, HostBuffer.floats(cache.window()), to, inputs.length);
      }
      advance();
      output(row, dst, xbc);
    }
  }

  private void replay(int firstPosition, int tokens) {
    for (int j = 0; j < tokens; j++) {
      int from = windowFrom(firstPosition + j);
      System.arraycopy(HostBuffer.floats(cache.window()), from, inputs, 0, inputs.length);
      advance();
    }
  }

  private int windowFrom(int position) {
    int slotRow = step.stateSlot[sequence] * cache.windowTokens();
    return (slotRow + position % cache.windowTokens()) * inputs.length;
  }

  private int stepSizesFrom() {
    return mixer.xDim() + mixer.bGroups() * mixer.stateDim();
  }

  private void loadInputs(int row, Rows xbc, Rows timeStep) {
    for (int i = 0; i < stepSizesFrom(); i++) {
      inputs[i] = value(xbc, row, i);
    }
    for (int h = 0; h < mixer.heads(); h++) {
      inputs[stepSizesFrom() + h] = ReferenceOps.softplus(value(timeStep, row, h) + bias[h]);
    }
  }

  private void advance() {
    int headDim = mixer.headDim();
    int stateDim = mixer.stateDim();
    for (int h = 0; h < mixer.heads(); h++) {
      float dt = inputs[stepSizesFrom() + h];
      float decay = (float) Math.exp(dt * a[h]);
      for (int n = 0; n < stateDim; n++) {
        float scaled = dt * inputs[mixer.xDim() + mixer.bGroup(h) * stateDim + n];
        int from = stateFrom + (h * stateDim + n) * headDim;
        for (int p = 0; p < headDim; p++) {
          float x = inputs[mixer.xHead(h) * headDim + p];
          state[from + p] = Math.fma(decay, state[from + p], scaled * x);
        }
      }
    }
  }

  private void output(int row, Rows dst, Rows xbc) {
    int headDim = mixer.headDim();
    int stateDim = mixer.stateDim();
    int cFrom = mixer.xDim() + mixer.bGroups() * stateDim;
    for (int h = 0; h < mixer.heads(); h++) {
      for (int p = 0; p < headDim; p++) {
        float sum = d[h] * inputs[mixer.xHead(h) * headDim + p];
        for (int n = 0; n < stateDim; n++) {
          float weight = value(xbc, row, cFrom + mixer.cGroup(h) * stateDim + n);
          sum = Math.fma(weight, state[stateFrom + (h * stateDim + n) * headDim + p], sum);
        }
        HostBuffer.floats(dst.buffer())[dst.offset() + row * dst.stride() + h * headDim + p] = sum;
      }
    }
  }

  private static float value(Rows rows, int row, int column) {
    return HostBuffer.floats(rows.buffer())[rows.offset() + row * rows.stride() + column];
  }
}
