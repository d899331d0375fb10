package dev.krait.backend.reference;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.StepInputs;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.tensor.Rows;

/// The Mamba-2 recurrence of one sequence, one token after another.
final class ReferenceSsdScan {
  private final SsdScanArgs args;
  private final Mamba2 mixer;
  private final StepInputs step;
  private final int sequence;
  private final float[] a;
  private final float[] d;
  private final float[] bias;

  /// x, B (before the repeat) and step sizes (after softplus) of the token at hand, as they lie in
  /// the window.
  private final float[] inputs;

  ReferenceSsdScan(SsdScanArgs args, StepInputs step, int sequence) {
    this.args = args;
    this.step = step;
    this.sequence = sequence;
    mixer = args.weights().mixer();
    a = HostBuffer.floats(args.weights().a());
    d = HostBuffer.floats(args.weights().d());
    bias = HostBuffer.floats(args.weights().timeStepBias());
    inputs = new float[mixer.inputElements()];
  }

  void run() {
    int stateElements = mixer.innerDim() * mixer.stateDim();
    ReferenceReplay.run(
        args.cache(),
        step,
        sequence,
        stateElements,
        inputs,
        new ReferenceReplay.Recurrence() {
          @Override
          public void load(int row, float[] state, int from) {
            loadInputs(row);
          }

          @Override
          public void advance(float[] state, int from) {
            advanceState(state, from);
          }

          @Override
          public void output(int row, float[] state, int from) {
            writeOutput(row, state, from);
          }
        });
  }

  private int stepSizesFrom() {
    return mixer.xDim() + mixer.bGroups() * mixer.stateDim();
  }

  private void loadInputs(int row) {
    for (int i = 0; i < stepSizesFrom(); i++) {
      inputs[i] = ReferenceOps.value(args.xbc(), row, i);
    }
    for (int h = 0; h < mixer.heads(); h++) {
      inputs[stepSizesFrom() + h] =
          ReferenceOps.softplus(ReferenceOps.value(args.timeStep(), row, h) + bias[h]);
    }
  }

  private void advanceState(float[] state, int stateFrom) {
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

  private void writeOutput(int row, float[] state, int stateFrom) {
    Rows dst = args.dst();
    int headDim = mixer.headDim();
    int stateDim = mixer.stateDim();
    int cFrom = mixer.xDim() + mixer.bGroups() * stateDim;
    for (int h = 0; h < mixer.heads(); h++) {
      for (int p = 0; p < headDim; p++) {
        float sum = d[h] * inputs[mixer.xHead(h) * headDim + p];
        for (int n = 0; n < stateDim; n++) {
          float weight =
              ReferenceOps.value(args.xbc(), row, cFrom + mixer.cGroup(h) * stateDim + n);
          sum = Math.fma(weight, state[stateFrom + (h * stateDim + n) * headDim + p], sum);
        }
        HostBuffer.floats(dst.buffer())[dst.offset() + row * dst.stride() + h * headDim + p] = sum;
      }
    }
  }
}
