package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.model.GatedDeltaNet;
import dev.krait.tensor.Rows;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The gated delta rule of one value head of one sequence; a lane is an element of the head. One
/// instance for each thread.
///
/// Accepted and direct tokens advance the committed state where it lies; windowed tokens a copy of
/// the head's part. Their u and decays go to the window, but not their keys: other heads may still
/// replay the row that they replace.
@SuppressWarnings("NullAway.Init")
final class DeltaRuleHead {
  private static final int LANES = Lanes.COUNT;

  private final DeltaRuleTask task;
  private float[] copy = new float[0];

  /// Those of the token at hand.
  private float[] decays = new float[0];

  private float[] u = new float[0];

  private GatedDeltaNet mixer;
  private int keyDim;
  private int valueDim;
  private int sequence;
  private int head;
  private float[] h;
  private int hFrom;

  DeltaRuleHead(DeltaRuleTask task) {
    this.task = task;
  }

  /// Runs the step's tokens of a sequence for one head.
  void run(int sequence, int head) {
    StepInputs step = task.step;
    prepare(sequence, head);
    if (step.startsFresh(sequence)) {
      Arrays.fill(h, hFrom, hFrom + keyDim * valueDim, 0);
    }
    int heldFrom = step.firstPosition[sequence] - step.heldTokens[sequence];
    replay(heldFrom - step.foldTokens[sequence], step.foldTokens[sequence]);
    int direct = step.directTokens[sequence];
    for (int j = 0; j < step.tokenCount[sequence]; j++) {
      if (j == direct) {
        copyState();
        replay(heldFrom, step.heldTokens[sequence]);
      }
      int row = step.firstToken[sequence] + j;
      token(row);
      if (j >= direct) {
        keep(step.firstPosition[sequence] + j);
      }
    }
  }

  private void prepare(int sequence, int head) {
    this.sequence = sequence;
    this.head = head;
    mixer = task.mixer;
    keyDim = mixer.keyDim();
    valueDim = mixer.valueDim();
    if (decays.length < mixer.headDecays()) {
      decays = new float[mixer.headDecays()];
    }
    if (u.length < valueDim) {
      u = new float[valueDim];
    }
    h = HostBuffer.floats(task.cache.state());
    hFrom = (task.step.stateSlot[sequence] * mixer.valueHeads() + head) * keyDim * valueDim;
  }

  private void copyState() {
    if (copy.length < keyDim * valueDim) {
      copy = new float[keyDim * valueDim];
    }
    System.arraycopy(h, hFrom, copy, 0, keyDim * valueDim);
    h = copy;
    hFrom = 0;
  }

  /// Where u and the decays of this head lie in a row of the window.
  private int uAt() {
    return mixer.keyColumns() + head * valueDim;
  }

  private int decaysAt() {
    return mixer.keyColumns() + mixer.valueColumns() + head * mixer.headDecays();
  }

  private void keep(int position) {
    float[] window = HostBuffer.floats(task.cache.window());
    int to = task.windowFrom(sequence, position);
    System.arraycopy(u, 0, window, to + uAt(), valueDim);
    System.arraycopy(decays, 0, window, to + decaysAt(), mixer.headDecays());
  }

  private void replay(int firstPosition, int tokens) {
    float[] window = HostBuffer.floats(task.cache.window());
    for (int j = 0; j < tokens; j++) {
      int from = task.windowFrom(sequence, firstPosition + j);
      int keyFrom = from + mixer.keyHead(head) * keyDim;
      System.arraycopy(window, from + uAt(), u, 0, valueDim);
      System.arraycopy(window, from + decaysAt(), decays, 0, mixer.headDecays());
      for (int i = 0; i < keyDim; i++) {
        advance(hFrom + i * valueDim, window[keyFrom + i], decay(i));
      }
    }
  }

  private float decay(int i) {
    return decays[mixer.headDecays() == 1 ? 0 : i];
  }

  private void token(int row) {
    Rows rates = task.args.decay();
    int rateFrom = HostRows.at(rates, row) + head * mixer.headDecays();
    for (int i = 0; i < mixer.headDecays(); i++) {
      float bias = task.bias[head * mixer.headDecays() + i];
      float rate = VectorMath.softplus(HostRows.floats(rates)[rateFrom + i] + bias);
      decays[i] = VectorMath.decay(task.a[head] * rate);
    }
    float[] in = HostRows.floats(task.qkv);
    int from = HostRows.at(task.qkv, row);
    int queryFrom = from + mixer.keyHead(head) * keyDim;
    int keyFrom = queryFrom + mixer.keyColumns();
    Arrays.fill(u, 0, valueDim, 0);
    for (int i = 0; i < keyDim; i++) {
      predict(hFrom + i * valueDim, in[keyFrom + i], decay(i));
    }
    Rows betas = task.args.beta();
    float b = VectorMath.sigmoid(HostRows.floats(betas)[HostRows.at(betas, row) + head]);
    int valueFrom = from + 2 * mixer.keyColumns() + head * valueDim;
    for (int j = 0; j < valueDim; j++) {
      u[j] = mixer.betaScale() * b * (in[valueFrom + j] - u[j]);
    }
    float[] out = HostRows.floats(task.args.dst());
    int to = HostRows.at(task.args.dst(), row) + head * valueDim;
    Arrays.fill(out, to, to + valueDim, 0);
    for (int i = 0; i < keyDim; i++) {
      advance(hFrom + i * valueDim, in[keyFrom + i], decay(i));
      add(out, to, in[queryFrom + i], hFrom + i * valueDim);
    }
  }

  /// `u += key (decay state)` with a row of the state.
  private void predict(int from, float key, float decay) {
    int whole = Lanes.whole(valueDim);
    for (int j = 0; j < whole; j += LANES) {
      FloatVector decayed = FloatVector.fromArray(Lanes.FLOATS, h, from + j).mul(decay);
      decayed
          .fma(FloatVector.broadcast(Lanes.FLOATS, key), FloatVector.fromArray(Lanes.FLOATS, u, j))
          .intoArray(u, j);
    }
    for (int j = whole; j < valueDim; j++) {
      u[j] = Math.fma(key, decay * h[from + j], u[j]);
    }
  }

  /// `state = key u + decay state` with a row of the state.
  private void advance(int from, float key, float decay) {
    int whole = Lanes.whole(valueDim);
    for (int j = 0; j < whole; j += LANES) {
      FloatVector decayed = FloatVector.fromArray(Lanes.FLOATS, h, from + j).mul(decay);
      FloatVector.fromArray(Lanes.FLOATS, u, j)
          .fma(FloatVector.broadcast(Lanes.FLOATS, key), decayed)
          .intoArray(h, from + j);
    }
    for (int j = whole; j < valueDim; j++) {
      h[from + j] = Math.fma(key, u[j], decay * h[from + j]);
    }
  }

  /// `out += query state` with a row of the state.
  private void add(float[] out, int to, float query, int from) {
    int whole = Lanes.whole(valueDim);
    for (int j = 0; j < whole; j += LANES) {
      FloatVector.fromArray(Lanes.FLOATS, h, from + j)
          .fma(
              FloatVector.broadcast(Lanes.FLOATS, query),
              FloatVector.fromArray(Lanes.FLOATS, out, to + j))
          .intoArray(out, to + j);
    }
    for (int j = whole; j < valueDim; j++) {
      out[to + j] = Math.fma(query, h[from + j], out[to + j]);
    }
  }
}
