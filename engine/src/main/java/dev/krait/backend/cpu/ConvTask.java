package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.StepInputs;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The causal convolution: workers take strips of channels over all tokens, then the caller writes
/// the rings, which every strip may have read.
@SuppressWarnings("NullAway.Init")
final class ConvTask {
  private static final int STRIP = 128;
  private static final int GRAIN_ELEMENTS = 1024;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final WorkerPool.Task strips = this::runStrips;

  private Rows dst;
  private Rows x;
  private float[] taps;
  private float[] bias;
  private int width;
  private int groupWidth;
  private int repeat;
  private StateCache cache;
  private float[] ring;
  private StepInputs step;

  ConvTask(WorkerPool pool, Scratch[] scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  void run(
      Rows dst,
      Rows x,
      Buffer taps,
      Buffer bias,
      int width,
      int groupWidth,
      int repeat,
      StateCache cache,
      StepInputs step) {
    this.dst = dst;
    this.x = x;
    this.taps = HostBuffer.floats(taps);
    this.bias = HostBuffer.floats(bias);
    this.width = width;
    this.groupWidth = repeat == 1 ? dst.columns() : groupWidth;
    this.repeat = repeat;
    this.cache = cache;
    this.step = step;
    ring = HostBuffer.floats(cache.convRing());
    int items = (dst.columns() + STRIP - 1) / STRIP;
    pool.parallelFor(strips, items, GRAIN_ELEMENTS / Math.max(1, STRIP * step.tokens) + 1);
    for (int s = 0; s < step.sequences; s++) {
      keepInputs(s);
    }
  }

  private int ringRow(int sequence, int position) {
    int row = step.stateSlot[sequence] * cache.ringTokens() + position % cache.ringTokens();
    return row * x.columns();
  }

  private void keepInputs(int s) {
    int count = step.tokenCount[s];
    int kept = Math.min(count, cache.ringTokens());
    for (int j = count - kept; j < count; j++) {
      int to = ringRow(s, step.firstPosition[s] + j);
      int from = HostRows.at(x, step.firstToken[s] + j);
      System.arraycopy(HostRows.floats(x), from, ring, to, x.columns());
    }
  }

  /// Scratch: the strip's taps `[width, STRIP]`, then a row of zeros.
  private void runStrips(int worker, int first, int end) {
    float[] own = scratch[worker].floats((width + 1) * STRIP);
    Arrays.fill(own, width * STRIP, (width + 1) * STRIP, 0);
    for (int strip = first; strip < end; strip++) {
      int channel = strip * STRIP;
      int count = Math.min(STRIP, dst.columns() - channel);
      for (int c = 0; c < count; c++) {
        for (int k = 0; k < width; k++) {
          own[k * STRIP + c] = taps[(channel + c) * width + k];
        }
      }
      for (int s = 0; s < step.sequences; s++) {
        for (int j = 0; j < step.tokenCount[s]; j++) {
          token(own, s, j, channel, count);
        }
      }
    }
  }

  private void token(float[] own, int s, int j, int channel, int count) {
    float[] out = HostRows.floats(dst);
    int row = step.firstToken[s] + j;
    int to = HostRows.at(dst, row) + channel;
    System.arraycopy(bias, channel, out, to, count);
    for (int k = 0; k < width; k++) {
      int back = width - 1 - k;
      int position = step.firstPosition[s] + j - back;
      if (position < 0) {
        accumulate(out, to, own, k * STRIP, own, width * STRIP, count);
      } else if (back > j) {
        tap(out, to, own, k, ring, ringRow(s, position), channel, count);
      } else {
        tap(out, to, own, k, HostRows.floats(x), HostRows.at(x, row - back), channel, count);
      }
    }
    silu(out, to, count);
  }

  /// One tap over the strip, in runs of channels whose inputs lie side by side.
  private void tap(
      float[] out, int to, float[] own, int k, float[] in, int inFrom, int channel, int count) {
    for (int c = 0; c < count; ) {
      int within = (channel + c) % groupWidth;
      int run = Math.min(groupWidth - within, count - c);
      int source = (channel + c) / groupWidth / repeat * groupWidth + within;
      accumulate(out, to + c, own, k * STRIP + c, in, inFrom + source, run);
      c += run;
    }
  }

  private static void accumulate(
      float[] sum, int to, float[] tap, int tapFrom, float[] in, int inFrom, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector t = Lanes.load(tap, tapFrom + i);
      t.fma(Lanes.load(in, inFrom + i), Lanes.load(sum, to + i)).intoArray(sum, to + i);
    }
    for (int i = whole; i < count; i++) {
      sum[to + i] = Math.fma(tap[tapFrom + i], in[inFrom + i], sum[to + i]);
    }
  }

  private static void silu(float[] values, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      VectorMath.silu(Lanes.load(values, from + i)).intoArray(values, from + i);
    }
    for (int i = whole; i < count; i++) {
      values[from + i] = VectorMath.silu(values[from + i]);
    }
  }
}
