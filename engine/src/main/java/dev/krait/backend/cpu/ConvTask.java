package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.Activation;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.Map;
import java.util.WeakHashMap;

/// The causal convolution: workers take strips of channels over all tokens, then the caller writes
/// the rings, which every strip may have read.
@SuppressWarnings("NullAway.Init")
final class ConvTask {
  private static final int GRAIN_ELEMENTS = 512;

  private final WorkerPool pool;
  private final ConvStrip[] strips;
  private final WorkerPool.Task task = this::runStrips;

  Rows dst;
  Rows x;

  /// `[width, channels]`.
  float[] taps;

  float[] bias;
  int width;
  int groupWidth;
  int repeat;
  Activation activation;
  private StateCache cache;

  /// [#taps] by the buffer that has them channel by channel.
  private final Map<Buffer, float[]> transposed = new WeakHashMap<>();

  float[] ring;
  StepInputs step;

  ConvTask(WorkerPool pool) {
    this.pool = pool;
    strips = new ConvStrip[pool.threads()];
    for (int i = 0; i < strips.length; i++) {
      strips[i] = new ConvStrip(this);
    }
  }

  void run(CausalConvArgs args, StepInputs step) {
    dst = args.dst();
    x = args.x();
    width = args.width();
    float[] known = transposed.get(args.taps());
    if (known == null) {
      known = transpose(args.taps(), width);
      transposed.put(args.taps(), known);
    }
    taps = known;
    bias = HostBuffer.floats(args.bias());
    groupWidth = args.repeat() == 1 ? dst.columns() : args.groupWidth();
    repeat = args.repeat();
    activation = args.activation();
    cache = args.cache();
    this.step = step;
    ring = HostBuffer.floats(cache.convRing());
    int items = (dst.columns() + ConvStrip.WIDTH - 1) / ConvStrip.WIDTH;
    pool.parallelFor(task, items, GRAIN_ELEMENTS / Math.max(1, ConvStrip.WIDTH * step.tokens) + 1);
    for (int s = 0; s < step.sequences; s++) {
      keepInputs(s);
    }
  }

  private static float[] transpose(Buffer taps, int width) {
    float[] from = HostBuffer.floats(taps);
    float[] to = new float[from.length];
    int channels = from.length / width;
    for (int c = 0; c < channels; c++) {
      for (int k = 0; k < width; k++) {
        to[k * channels + c] = from[c * width + k];
      }
    }
    return to;
  }

  /// First float of the ring's row for a position.
  int ringRow(int sequence, int position) {
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

  private void runStrips(int worker, int first, int end) {
    for (int strip = first; strip < end; strip++) {
      strips[worker].convolve(strip * ConvStrip.WIDTH);
    }
  }
}
