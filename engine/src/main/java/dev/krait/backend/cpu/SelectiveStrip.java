package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.StepInputs;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The Mamba-1 scan of one sequence over a strip of channels; a lane is a channel. One instance for
/// each thread.
///
/// ```
/// h[n, c] = exp(dt[c] A[n, c]) h[n, c] + dt[c] x[c] B[n]
/// y[c]    = (D[c] x[c] + sum_n C[n] h[n, c]) silu(z[c])
/// ```
///
/// Accepted and direct tokens advance the committed state where it lies; windowed tokens a copy of
/// the strip. Their channels' inputs go to the window, but not B: other strips may still replay the
/// row that it replaces.
@SuppressWarnings("NullAway.Init")
final class SelectiveStrip {
  static final int WIDTH = 128;
  private static final int LANES = Lanes.COUNT;

  private final SelectiveScanTask task;

  /// Step sizes of the token at hand.
  private final float[] steps = new float[WIDTH];

  private float[] copy = new float[0];
  private int inner;
  private int states;
  private int sequence;
  private int channel;
  private int count;

  private float[] h;
  private int hFrom;
  private int hStride;

  SelectiveStrip(SelectiveScanTask task) {
    this.task = task;
  }

  /// Runs the step's tokens of a sequence for the strip from `channel` on.
  void scan(int sequence, int channel) {
    StepInputs step = task.step;
    this.sequence = sequence;
    this.channel = channel;
    inner = task.mixer.innerDim();
    states = task.mixer.stateDim();
    count = Math.min(WIDTH, inner - channel);
    h = HostBuffer.floats(task.cache.state());
    hFrom = step.stateSlot[sequence] * inner * states + channel;
    hStride = inner;
    if (step.startsFresh(sequence)) {
      for (int n = 0; n < states; n++) {
        Arrays.fill(h, hFrom + n * hStride, hFrom + n * hStride + count, 0);
      }
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
    if (copy.length < states * WIDTH) {
      copy = new float[states * WIDTH];
    }
    for (int n = 0; n < states; n++) {
      System.arraycopy(h, hFrom + n * hStride, copy, n * WIDTH, count);
    }
    h = copy;
    hFrom = 0;
    hStride = WIDTH;
  }

  /// First channel after `i`, within the strip, that has other vectors B and C.
  private int runEnd(int i) {
    int groupWidth = task.mixer.groupWidth();
    return Math.min(count, ((channel + i) / groupWidth + 1) * groupWidth - channel);
  }

  private void replay(int firstPosition, int tokens) {
    float[] window = HostBuffer.floats(task.cache.window());
    for (int j = 0; j < tokens; j++) {
      int from = task.windowFrom(sequence, firstPosition + j);
      System.arraycopy(window, from + inner + channel, steps, 0, count);
      for (int i = 0; i < count; i = runEnd(i)) {
        int bFrom = from + 2 * inner + task.mixer.bGroup(channel + i) * states;
        advance(i, runEnd(i), window, from + channel, window, bFrom);
      }
    }
  }

  private void token(int row, boolean windowed, int position) {
    loadSteps(row);
    float[] x = HostRows.floats(task.x);
    int xFrom = HostRows.at(task.x, row) + channel;
    if (windowed) {
      float[] window = HostBuffer.floats(task.cache.window());
      int to = task.windowFrom(sequence, position);
      System.arraycopy(x, xFrom, window, to + channel, count);
      System.arraycopy(steps, 0, window, to + inner + channel, count);
    }
    for (int i = 0; i < count; i = runEnd(i)) {
      int bFrom = HostRows.at(task.b, row) + task.mixer.bGroup(channel + i) * states;
      int cFrom = HostRows.at(task.c, row) + task.mixer.cGroup(channel + i) * states;
      evaluate(i, runEnd(i), x, xFrom, row, bFrom, cFrom);
    }
    float[] out = HostRows.floats(task.dst);
    int to = HostRows.at(task.dst, row) + channel;
    int zFrom = HostRows.at(task.z, row) + channel;
    ElementTask.siluMul(out, to, HostRows.floats(task.z), zFrom, out, to, count);
  }

  private void loadSteps(int row) {
    float[] raw = HostRows.floats(task.timeStep);
    int from = HostRows.at(task.timeStep, row) + channel;
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector v = Lanes.load(raw, from + i).add(Lanes.load(task.bias, channel + i));
      VectorMath.softplus(v).intoArray(steps, i);
    }
    for (int i = whole; i < count; i++) {
      steps[i] = VectorMath.softplus(raw[from + i] + task.bias[channel + i]);
    }
  }

  /// Advances channels `[first, end)` of the strip over the token at hand.
  private void advance(int first, int end, float[] x, int xFrom, float[] b, int bFrom) {
    int whole = first + Lanes.whole(end - first);
    advanceVectors(first, whole, x, xFrom, b, bFrom);
    for (int i = whole; i < end; i++) {
      float dtx = steps[i] * x[xFrom + i];
      for (int n = 0; n < states; n++) {
        advanceState(i, n, dtx * b[bFrom + n]);
      }
    }
  }

  private float advanceState(int i, int n, float input) {
    int at = hFrom + n * hStride + i;
    float decay = VectorMath.decay(steps[i] * task.a[n * inner + channel + i]);
    h[at] = Math.fma(decay, h[at], input);
    return h[at];
  }

  private void advanceVectors(int first, int end, float[] x, int xFrom, float[] b, int bFrom) {
    float[] h = this.h;
    float[] a = task.a;
    int hStride = this.hStride;
    int inner = this.inner;
    for (int i = first; i < end; i += LANES) {
      FloatVector dt = Lanes.load(steps, i);
      FloatVector dtx = dt.mul(Lanes.load(x, xFrom + i));
      int at = hFrom + i;
      int aAt = channel + i;
      for (int n = 0; n < states; n++) {
        FloatVector decay = VectorMath.decay(dt.mul(Lanes.load(a, aAt)));
        decay.fma(Lanes.load(h, at), dtx.mul(b[bFrom + n])).intoArray(h, at);
        at += hStride;
        aAt += inner;
      }
    }
  }

  /// [#advance] with output to `row`, before the gate.
  private void evaluate(int first, int end, float[] x, int xFrom, int row, int bFrom, int cFrom) {
    int whole = first + Lanes.whole(end - first);
    int to = HostRows.at(task.dst, row) + channel;
    evaluateVectors(first, whole, x, xFrom, to, bFrom, cFrom);
    float[] b = HostRows.floats(task.b);
    float[] c = HostRows.floats(task.c);
    for (int i = whole; i < end; i++) {
      float xi = x[xFrom + i];
      float dtx = steps[i] * xi;
      float sum = task.d[channel + i] * xi;
      for (int n = 0; n < states; n++) {
        sum = Math.fma(c[cFrom + n], advanceState(i, n, dtx * b[bFrom + n]), sum);
      }
      HostRows.floats(task.dst)[to + i] = sum;
    }
  }

  private void evaluateVectors(
      int first, int end, float[] x, int xFrom, int to, int bFrom, int cFrom) {
    float[] h = this.h;
    float[] a = task.a;
    float[] b = HostRows.floats(task.b);
    float[] c = HostRows.floats(task.c);
    float[] out = HostRows.floats(task.dst);
    int hStride = this.hStride;
    int inner = this.inner;
    for (int i = first; i < end; i += LANES) {
      FloatVector xi = Lanes.load(x, xFrom + i);
      FloatVector dt = Lanes.load(steps, i);
      FloatVector dtx = dt.mul(xi);
      FloatVector sum = Lanes.load(task.d, channel + i).mul(xi);
      int at = hFrom + i;
      int aAt = channel + i;
      for (int n = 0; n < states; n++) {
        FloatVector decay = VectorMath.decay(dt.mul(Lanes.load(a, aAt)));
        FloatVector hn = decay.fma(Lanes.load(h, at), dtx.mul(b[bFrom + n]));
        hn.intoArray(h, at);
        sum = hn.fma(Lanes.broadcast(c[cFrom + n]), sum);
        at += hStride;
        aAt += inner;
      }
      sum.intoArray(out, to + i);
    }
  }
}
