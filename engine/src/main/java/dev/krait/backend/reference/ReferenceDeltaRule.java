package dev.krait.backend.reference;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.StepInputs;
import dev.krait.model.GatedDeltaNet;
import dev.krait.tensor.Rows;

/// The gated delta rule of one sequence, one token after another.
final class ReferenceDeltaRule implements ReferenceReplay.Recurrence {
  private final DeltaRuleArgs args;
  private final GatedDeltaNet mixer;
  private final StepInputs step;
  private final int sequence;
  private final float[] a;
  private final float[] bias;

  /// k, u and decays of the token at hand, as they lie in the window.
  private final float[] inputs;

  ReferenceDeltaRule(DeltaRuleArgs args, StepInputs step, int sequence) {
    this.args = args;
    this.step = step;
    this.sequence = sequence;
    mixer = args.weights().mixer();
    a = HostBuffer.floats(args.weights().a());
    bias = HostBuffer.floats(args.weights().decayBias());
    inputs = new float[mixer.inputElements()];
  }

  void run() {
    int stateElements = mixer.valueHeads() * mixer.keyDim() * mixer.valueDim();
    ReferenceReplay.run(args.cache(), step, sequence, stateElements, inputs, this);
  }

  private float key(int head, int i) {
    return inputs[mixer.keyHead(head) * mixer.keyDim() + i];
  }

  private float decay(int head, int i) {
    int from = mixer.keyColumns() + mixer.valueColumns() + head * mixer.headDecays();
    return inputs[from + i % mixer.headDecays()];
  }

  /// Element `[i, j]` of a head's state.
  private int at(int from, int head, int i, int j) {
    return from + (head * mixer.keyDim() + i) * mixer.valueDim() + j;
  }

  @Override
  public void load(int row, float[] state, int from) {
    int keys = mixer.keyColumns();
    int decaysFrom = keys + mixer.valueColumns();
    for (int i = 0; i < keys; i++) {
      inputs[i] = ReferenceOps.value(args.qkv(), row, keys + i);
    }
    for (int i = 0; i < mixer.decays(); i++) {
      float rate = ReferenceOps.softplus(ReferenceOps.value(args.decay(), row, i) + bias[i]);
      inputs[decaysFrom + i] = (float) Math.exp(a[i / mixer.headDecays()] * rate);
    }
    for (int h = 0; h < mixer.valueHeads(); h++) {
      float beta = (float) (1 / (1 + Math.exp(-ReferenceOps.value(args.beta(), row, h))));
      for (int j = 0; j < mixer.valueDim(); j++) {
        float predicted = 0;
        for (int i = 0; i < mixer.keyDim(); i++) {
          predicted = Math.fma(key(h, i), decay(h, i) * state[at(from, h, i, j)], predicted);
        }
        int column = h * mixer.valueDim() + j;
        float value = ReferenceOps.value(args.qkv(), row, 2 * keys + column);
        inputs[keys + column] = mixer.betaScale() * beta * (value - predicted);
      }
    }
  }

  @Override
  public void advance(float[] state, int from) {
    for (int h = 0; h < mixer.valueHeads(); h++) {
      for (int i = 0; i < mixer.keyDim(); i++) {
        for (int j = 0; j < mixer.valueDim(); j++) {
          float u = inputs[mixer.keyColumns() + h * mixer.valueDim() + j];
          int at = at(from, h, i, j);
          state[at] = Math.fma(key(h, i), u, decay(h, i) * state[at]);
        }
      }
    }
  }

  @Override
  public void output(int row, float[] state, int from) {
    Rows dst = args.dst();
    for (int h = 0; h < mixer.valueHeads(); h++) {
      int queryFrom = mixer.keyHead(h) * mixer.keyDim();
      for (int j = 0; j < mixer.valueDim(); j++) {
        float sum = 0;
        for (int i = 0; i < mixer.keyDim(); i++) {
          float query = ReferenceOps.value(args.qkv(), row, queryFrom + i);
          sum = Math.fma(query, state[at(from, h, i, j)], sum);
        }
        int to = dst.offset() + row * dst.stride() + h * mixer.valueDim() + j;
        HostBuffer.floats(dst.buffer())[to] = sum;
      }
    }
  }
}
