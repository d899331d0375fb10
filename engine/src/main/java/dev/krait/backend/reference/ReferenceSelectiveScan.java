package dev.krait.backend.reference;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.StepInputs;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.tensor.Rows;

/// The Mamba-1 recurrence of one sequence, one token after another.
final class ReferenceSelectiveScan {
  private final SelectiveScanArgs args;
  private final Mamba1 mixer;
  private final StepInputs step;
  private final int sequence;
  private final float[] a;
  private final float[] d;
  private final float[] bias;

  /// Convolved x, step sizes (after softplus) and B of the token at hand, as they lie in the
  /// window.
  private final float[] inputs;

  ReferenceSelectiveScan(SelectiveScanArgs args, StepInputs step, int sequence) {
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

  private void loadInputs(int row) {
    int inner = mixer.innerDim();
    for (int c = 0; c < inner; c++) {
      inputs[c] = ReferenceOps.value(args.x(), row, c);
      inputs[inner + c] =
          ReferenceOps.softplus(ReferenceOps.value(args.timeStep(), row, c) + bias[c]);
    }
    for (int i = 0; i < mixer.bGroups() * mixer.stateDim(); i++) {
      inputs[2 * inner + i] = ReferenceOps.value(args.b(), row, i);
    }
  }

  private void advanceState(float[] state, int stateFrom) {
    int inner = mixer.innerDim();
    for (int n = 0; n < mixer.stateDim(); n++) {
      for (int c = 0; c < inner; c++) {
        float dt = inputs[inner + c];
        float b = inputs[2 * inner + mixer.bGroup(c) * mixer.stateDim() + n];
        int i = stateFrom + n * inner + c;
        float decay = (float) Math.exp(dt * a[n * inner + c]);
        state[i] = Math.fma(decay, state[i], dt * inputs[c] * b);
      }
    }
  }

  private void writeOutput(int row, float[] state, int stateFrom) {
    Rows dst = args.dst();
    int inner = mixer.innerDim();
    for (int c = 0; c < inner; c++) {
      float sum = d[c] * inputs[c];
      for (int n = 0; n < mixer.stateDim(); n++) {
        float weight = ReferenceOps.value(args.c(), row, mixer.cGroup(c) * mixer.stateDim() + n);
        sum = Math.fma(weight, state[stateFrom + n * inner + c], sum);
      }
      HostBuffer.floats(dst.buffer())[dst.offset() + row * dst.stride() + c] =
          sum * ReferenceOps.silu(ReferenceOps.value(args.z(), row, c));
    }
  }
}
