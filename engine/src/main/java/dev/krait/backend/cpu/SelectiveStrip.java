package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.Lanes;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The Mamba-1 scan of one sequence over a strip of channels; a lane is a channel. One instance for
/// each thread.
///
/// ```
/// h[n, c] = exp(dt[c] A[n, c]) h[n, c] + dt[c] x[c] B[n]
/// y[c]    = D[c] x[c] + sum_n C[n] h[n, c]
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

  /// Step size times x of the token at hand.
  private final float[] inputs = new float[WIDTH];

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
        loadInputs(i, runEnd(i), window, from + channel);
        int bFrom = from + 2 * inner + task.mixer.bGroup(channel + i) * states;
        for (int n = 0; n < states; n++) {
          advance(i, runEnd(i), n, window[bFrom + n]);
        }
      }
    }
  }

  private void token(int row, boolean windowed, int position) {
    float[] x = HostRows.floats(task.x);
    int xFrom = HostRows.at(task.x, row) + channel;
    System.arraycopy(task.steps, row * inner + channel, steps, 0, count);
    if (windowed) {
      float[] window = HostBuffer.floats(task.cache.window());
      int to = task.windowFrom(sequence, position);
      System.arraycopy(x, xFrom, window, to + channel, count);
      System.arraycopy(steps, 0, window, to + inner + channel, count);
    }
    float[] b = HostRows.floats(task.b);
    float[] c = HostRows.floats(task.c);
    int to = HostRows.at(task.dst, row) + channel;
    for (int i = 0; i < count; i = runEnd(i)) {
      loadInputs(i, runEnd(i), x, xFrom);
      loadSkip(i, runEnd(i), x, xFrom, to);
      int bFrom = HostRows.at(task.b, row) + task.mixer.bGroup(channel + i) * states;
      int cFrom = HostRows.at(task.c, row) + task.mixer.cGroup(channel + i) * states;
      for (int n = 0; n < states; n++) {
        evaluate(i, runEnd(i), n, b[bFrom + n], c[cFrom + n], to);
      }
    }
  }

  /// `inputs = dt x` for channels `[first, end)` of the strip.
  private void loadInputs(int first, int end, float[] x, int xFrom) {
    int whole = first + Lanes.whole(end - first);
    for (int i = first; i < whole; i += LANES) {
      FloatVector.fromArray(Lanes.FLOATS, steps, i)
          .mul(FloatVector.fromArray(Lanes.FLOATS, x, xFrom + i))
          .intoArray(inputs, i);
    }
    for (int i = whole; i < end; i++) {
      inputs[i] = steps[i] * x[xFrom + i];
    }
  }

  /// The first term of the output, `D x`.
  private void loadSkip(int first, int end, float[] x, int xFrom, int to) {
    float[] out = HostRows.floats(task.dst);
    int whole = first + Lanes.whole(end - first);
    for (int i = first; i < whole; i += LANES) {
      FloatVector.fromArray(Lanes.FLOATS, task.d, channel + i)
          .mul(FloatVector.fromArray(Lanes.FLOATS, x, xFrom + i))
          .intoArray(out, to + i);
    }
    for (int i = whole; i < end; i++) {
      out[to + i] = task.d[channel + i] * x[xFrom + i];
    }
  }

  /// Advances state `n` of channels `[first, end)` of the strip over the token at hand. Rows of `h`
  /// and `a` are read along memory, which hides its latency when they come from far.
  private void advance(int first, int end, int n, float bn) {
    int whole = first + Lanes.whole(end - first);
    advanceVectors(first, whole, n, bn);
    for (int i = whole; i < end; i++) {
      advanceOne(i, n, bn);
    }
  }

  /// [#advance], and adds the state's part to the output.
  private void evaluate(int first, int end, int n, float bn, float cn, int to) {
    int whole = first + Lanes.whole(end - first);
    float[] out = HostRows.floats(task.dst);
    evaluateVectors(first, whole, n, bn, cn, out, to);
    for (int i = whole; i < end; i++) {
      out[to + i] = Math.fma(cn, advanceOne(i, n, bn), out[to + i]);
    }
  }

  private float advanceOne(int i, int n, float bn) {
    int at = hFrom + n * hStride + i;
    float decay = VectorMath.decay(steps[i] * task.a[n * inner + channel + i]);
    h[at] = Math.fma(decay, h[at], inputs[i] * bn);
    return h[at];
  }

  private void advanceVectors(int first, int end, int n, float bn) {
    float[] h = this.h;
    float[] a = task.a;
    float[] steps = this.steps;
    float[] inputs = this.inputs;
    int at = hFrom + n * hStride;
    int aAt = channel + n * inner;
    for (int i = first; i < end; i += LANES) {
      FloatVector decay =
          VectorMath.decay(
              FloatVector.fromArray(Lanes.FLOATS, steps, i)
                  .mul(FloatVector.fromArray(Lanes.FLOATS, a, aAt + i)));
      decay
          .fma(
              FloatVector.fromArray(Lanes.FLOATS, h, at + i),
              FloatVector.fromArray(Lanes.FLOATS, inputs, i).mul(bn))
          .intoArray(h, at + i);
    }
  }

  private void evaluateVectors(int first, int end, int n, float bn, float cn, float[] out, int to) {
    float[] h = this.h;
    float[] a = task.a;
    float[] steps = this.steps;
    float[] inputs = this.inputs;
    int at = hFrom + n * hStride;
    int aAt = channel + n * inner;
    for (int i = first; i < end; i += LANES) {
      FloatVector decay =
          VectorMath.decay(
              FloatVector.fromArray(Lanes.FLOATS, steps, i)
                  .mul(FloatVector.fromArray(Lanes.FLOATS, a, aAt + i)));
      FloatVector hn =
          decay.fma(
              FloatVector.fromArray(Lanes.FLOATS, h, at + i),
              FloatVector.fromArray(Lanes.FLOATS, inputs, i).mul(bn));
      hn.intoArray(h, at + i);
      hn.fma(
              FloatVector.broadcast(Lanes.FLOATS, cn),
              FloatVector.fromArray(Lanes.FLOATS, out, to + i))
          .intoArray(out, to + i);
    }
  }
}
