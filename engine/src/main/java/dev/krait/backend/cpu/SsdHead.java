package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.Lanes;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The Mamba-2 scan of one head of one sequence; a lane is an element of the head. One instance for
/// each thread.
///
/// ```
/// h[n, p] = exp(dt A) h[n, p] + (dt B[n]) x[p]
/// y[p]    = D x[p] + sum_n C[n] h[n, p]
/// ```
///
/// Accepted and direct tokens advance the committed state where it lies; windowed tokens a copy of
/// the head's part. Their step sizes go to the window, but not x and B: other heads may still
/// replay the row that they replace.
@SuppressWarnings("NullAway.Init")
final class SsdHead {
  private static final int LANES = Lanes.COUNT;
  private static final int VECTORS = 4;

  private final SsdScanTask task;
  private float[] copy = new float[0];
  private int headDim;
  private int states;
  private int sequence;
  private int head;

  private float[] h;
  private int hFrom;

  SsdHead(SsdScanTask task) {
    this.task = task;
  }

  /// Runs the step's tokens of a sequence for one head.
  void scan(int sequence, int head) {
    StepInputs step = task.step;
    this.sequence = sequence;
    this.head = head;
    headDim = task.mixer.headDim();
    states = task.mixer.stateDim();
    h = HostBuffer.floats(task.cache.state());
    hFrom = (step.stateSlot[sequence] * task.mixer.heads() + head) * states * headDim;
    if (step.startsFresh(sequence)) {
      Arrays.fill(h, hFrom, hFrom + states * headDim, 0);
    }
    int heldFrom = step.firstPosition[sequence] - step.heldTokens[sequence];
    replay(heldFrom - step.foldTokens[sequence], step.foldTokens[sequence]);
    int direct = step.directTokens[sequence];
    for (int j = 0; j < step.tokenCount[sequence]; j++) {
      if (j == direct) {
        copyState();
        replay(heldFrom, step.heldTokens[sequence]);
      }
      token(step.firstToken[sequence] + j, j >= direct, step.firstPosition[sequence] + j);
    }
  }

  private void copyState() {
    if (copy.length < states * headDim) {
      copy = new float[states * headDim];
    }
    System.arraycopy(h, hFrom, copy, 0, states * headDim);
    h = copy;
    hFrom = 0;
  }

  private int xAt() {
    return task.mixer.xHead(head) * headDim;
  }

  private int bAt() {
    return task.mixer.xDim() + task.mixer.bGroup(head) * states;
  }

  private void replay(int firstPosition, int tokens) {
    float[] window = HostBuffer.floats(task.cache.window());
    for (int j = 0; j < tokens; j++) {
      int from = task.windowFrom(sequence, firstPosition + j);
      float dt = window[from + task.xAndBElements() + head];
      advance(dt, window, from + xAt(), from + bAt());
    }
  }

  private void token(int row, boolean windowed, int position) {
    float[] xbc = HostRows.floats(task.xbc);
    int from = HostRows.at(task.xbc, row);
    float raw = HostRows.floats(task.timeStep)[HostRows.at(task.timeStep, row) + head];
    float dt = VectorMath.softplus(raw + task.bias[head]);
    if (windowed) {
      float[] window = HostBuffer.floats(task.cache.window());
      window[task.windowFrom(sequence, position) + task.xAndBElements() + head] = dt;
    }
    int cFrom = from + task.xAndBElements() + task.mixer.cGroup(head) * states;
    int to = HostRows.at(task.dst, row) + head * headDim;
    advanceAndOutput(dt, xbc, from + xAt(), from + bAt(), cFrom, to);
  }

  private void advance(float dt, float[] in, int xFrom, int bFrom) {
    float decay = VectorMath.decay(dt * task.a[head]);
    int whole = Lanes.whole(headDim);
    for (int p = 0; p < whole; p += VECTORS * LANES) {
      advanceVectors(decay, dt, in, xFrom, bFrom, p);
    }
    for (int p = whole; p < headDim; p++) {
      for (int n = 0; n < states; n++) {
        int at = hFrom + n * headDim + p;
        h[at] = Math.fma(decay, h[at], dt * in[bFrom + n] * in[xFrom + p]);
      }
    }
  }

  private void advanceAndOutput(float dt, float[] in, int xFrom, int bFrom, int cFrom, int to) {
    float[] out = HostRows.floats(task.dst);
    float decay = VectorMath.decay(dt * task.a[head]);
    int whole = Lanes.whole(headDim);
    for (int p = 0; p < whole; p += VECTORS * LANES) {
      advanceAndOutputVectors(decay, dt, in, xFrom, bFrom, cFrom, out, to, p);
    }
    for (int p = whole; p < headDim; p++) {
      float sum = task.d[head] * in[xFrom + p];
      for (int n = 0; n < states; n++) {
        int at = hFrom + n * headDim + p;
        h[at] = Math.fma(decay, h[at], dt * in[bFrom + n] * in[xFrom + p]);
        sum = Math.fma(in[cFrom + n], h[at], sum);
      }
      out[to + p] = sum;
    }
  }

  /// Elements from `p` on, at most four vectors. With fewer than four the last is computed and
  /// stored again, with the same result.
  private void advanceVectors(float decay, float dt, float[] in, int xFrom, int bFrom, int p) {
    float[] h = this.h;
    int headDim = this.headDim;
    int lastVector = Lanes.whole(headDim) - LANES;
    int p1 = Math.min(p + LANES, lastVector);
    int p2 = Math.min(p + 2 * LANES, lastVector);
    int p3 = Math.min(p + 3 * LANES, lastVector);
    FloatVector x0 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p);
    FloatVector x1 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p1);
    FloatVector x2 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p2);
    FloatVector x3 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p3);
    FloatVector decays = FloatVector.broadcast(Lanes.FLOATS, decay);
    int from = hFrom;
    for (int n = 0; n < states; n++) {
      FloatVector b = FloatVector.broadcast(Lanes.FLOATS, dt * in[bFrom + n]);
      FloatVector h0 = FloatVector.fromArray(Lanes.FLOATS, h, from + p);
      FloatVector h1 = FloatVector.fromArray(Lanes.FLOATS, h, from + p1);
      FloatVector h2 = FloatVector.fromArray(Lanes.FLOATS, h, from + p2);
      FloatVector h3 = FloatVector.fromArray(Lanes.FLOATS, h, from + p3);
      decays.fma(h0, x0.mul(b)).intoArray(h, from + p);
      decays.fma(h1, x1.mul(b)).intoArray(h, from + p1);
      decays.fma(h2, x2.mul(b)).intoArray(h, from + p2);
      decays.fma(h3, x3.mul(b)).intoArray(h, from + p3);
      from += headDim;
    }
  }

  /// The same with the outputs.
  private void advanceAndOutputVectors(
      float decay,
      float dt,
      float[] in,
      int xFrom,
      int bFrom,
      int cFrom,
      float[] out,
      int to,
      int p) {
    float[] h = this.h;
    int headDim = this.headDim;
    int lastVector = Lanes.whole(headDim) - LANES;
    int p1 = Math.min(p + LANES, lastVector);
    int p2 = Math.min(p + 2 * LANES, lastVector);
    int p3 = Math.min(p + 3 * LANES, lastVector);
    float skip = task.d[head];
    FloatVector x0 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p);
    FloatVector x1 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p1);
    FloatVector x2 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p2);
    FloatVector x3 = FloatVector.fromArray(Lanes.FLOATS, in, xFrom + p3);
    FloatVector s0 = x0.mul(skip);
    FloatVector s1 = x1.mul(skip);
    FloatVector s2 = x2.mul(skip);
    FloatVector s3 = x3.mul(skip);
    FloatVector decays = FloatVector.broadcast(Lanes.FLOATS, decay);
    int from = hFrom;
    for (int n = 0; n < states; n++) {
      FloatVector b = FloatVector.broadcast(Lanes.FLOATS, dt * in[bFrom + n]);
      FloatVector c = FloatVector.broadcast(Lanes.FLOATS, in[cFrom + n]);
      FloatVector h0 = FloatVector.fromArray(Lanes.FLOATS, h, from + p);
      FloatVector h1 = FloatVector.fromArray(Lanes.FLOATS, h, from + p1);
      FloatVector h2 = FloatVector.fromArray(Lanes.FLOATS, h, from + p2);
      FloatVector h3 = FloatVector.fromArray(Lanes.FLOATS, h, from + p3);
      h0 = decays.fma(h0, x0.mul(b));
      h1 = decays.fma(h1, x1.mul(b));
      h2 = decays.fma(h2, x2.mul(b));
      h3 = decays.fma(h3, x3.mul(b));
      h0.intoArray(h, from + p);
      h1.intoArray(h, from + p1);
      h2.intoArray(h, from + p2);
      h3.intoArray(h, from + p3);
      s0 = c.fma(h0, s0);
      s1 = c.fma(h1, s1);
      s2 = c.fma(h2, s2);
      s3 = c.fma(h3, s3);
      from += headDim;
    }
    s0.intoArray(out, to + p);
    s1.intoArray(out, to + p1);
    s2.intoArray(out, to + p2);
    s3.intoArray(out, to + p3);
  }
}
