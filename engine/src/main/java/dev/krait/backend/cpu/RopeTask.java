package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.RopeAngles;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Rope;
import dev.krait.tensor.Rows;
import java.util.HashMap;
import java.util.Map;
import jdk.incubator.vector.FloatVector;

/// Rotary embedding and the write of keys and values: workers take tokens.
@SuppressWarnings("NullAway.Init")
final class RopeTask {
  private static final int GRAIN_ANGLES = 128;
  private static final int GRAIN_ELEMENTS = 8 * 1024;

  private final WorkerPool pool;
  private final WorkerPool.Task angles = this::runAngles;
  private final WorkerPool.Task rotation = this::runRotation;
  private final WorkerPool.Task write = this::runWrite;

  /// One entry for each rotary embedding of any model.
  private final Map<Rope, double[]> byRope = new HashMap<>();

  private double[] frequencies = new double[0];
  private Rows cos;
  private Rows sin;
  private Rows x;
  private int heads;
  private StepInputs step;
  private KvCache cache;
  private Rows keys;
  private Rows values;
  private Attention attention;

  RopeTask(WorkerPool pool) {
    this.pool = pool;
  }

  void angles(RopeAngles dst, StepInputs step) {
    frequencies = byRope.computeIfAbsent(dst.rope(), RopeTask::frequencies);
    cos = dst.cos();
    sin = dst.sin();
    this.step = step;
    pool.parallelFor(angles, step.tokens, GRAIN_ANGLES / Math.max(1, frequencies.length) + 1);
  }

  private static double[] frequencies(Rope rope) {
    double[] frequencies = new double[rope.pairs()];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = rope.frequency(i);
    }
    return frequencies;
  }

  private void runAngles(int worker, int first, int end) {
    float[] c = HostRows.floats(cos);
    float[] s = HostRows.floats(sin);
    for (int t = first; t < end; t++) {
      for (int i = 0; i < frequencies.length; i++) {
        double angle = step.positions[t] * frequencies[i];
        c[HostRows.at(cos, t) + i] = (float) Math.cos(angle);
        s[HostRows.at(sin, t) + i] = (float) Math.sin(angle);
      }
    }
  }

  void rotate(Rows x, int heads, RopeAngles angles, StepInputs step) {
    this.x = x;
    this.heads = heads;
    cos = angles.cos();
    sin = angles.sin();
    this.step = step;
    pool.parallelFor(rotation, step.tokens, GRAIN_ELEMENTS / Math.max(1, x.columns()) + 1);
  }

  private void runRotation(int worker, int first, int end) {
    int headDim = x.columns() / heads;
    for (int t = first; t < end; t++) {
      for (int h = 0; h < heads; h++) {
        rotateHead(
            HostRows.floats(x),
            HostRows.at(x, t) + h * headDim,
            cos.columns(),
            HostRows.floats(cos),
            HostRows.at(cos, t),
            HostRows.floats(sin),
            HostRows.at(sin, t));
      }
    }
  }

  private static void rotateHead(
      float[] v, int from, int half, float[] cos, int cosFrom, float[] sin, int sinFrom) {
    int whole = Lanes.whole(half);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector c = FloatVector.fromArray(Lanes.FLOATS, cos, cosFrom + i);
      FloatVector s = FloatVector.fromArray(Lanes.FLOATS, sin, sinFrom + i);
      FloatVector a = FloatVector.fromArray(Lanes.FLOATS, v, from + i);
      FloatVector b = FloatVector.fromArray(Lanes.FLOATS, v, from + half + i);
      a.mul(c).sub(b.mul(s)).intoArray(v, from + i);
      b.mul(c).add(a.mul(s)).intoArray(v, from + half + i);
    }
    for (int i = whole; i < half; i++) {
      float c = cos[cosFrom + i];
      float s = sin[sinFrom + i];
      float a = v[from + i];
      float b = v[from + half + i];
      v[from + i] = a * c - b * s;
      v[from + half + i] = b * c + a * s;
    }
  }

  void write(AttentionArgs args, StepInputs step) {
    cache = args.cache();
    keys = args.keys();
    values = args.values();
    attention = args.attention();
    this.step = step;
    pool.parallelFor(write, step.tokens, GRAIN_ELEMENTS / Math.max(1, keys.columns()) + 1);
  }

  private void runWrite(int worker, int first, int end) {
    int block = cache.blockTokens();
    int headDim = attention.headDim();
    float[] allKeys = HostBuffer.floats(cache.keys());
    float[] allValues = HostBuffer.floats(cache.values());
    float[] k = HostRows.floats(keys);
    float[] v = HostRows.floats(values);
    for (int t = first; t < end; t++) {
      int position = step.positions[t];
      int base = step.block(step.sequenceOf[t], position, block) * attention.kvHeads();
      int slot = position % block;
      for (int h = 0; h < attention.kvHeads(); h++) {
        int to = (base + h) * headDim * block;
        int keyFrom = HostRows.at(keys, t) + h * headDim;
        for (int i = 0; i < headDim; i++) {
          allKeys[to + i * block + slot] = k[keyFrom + i];
        }
        int valueFrom = HostRows.at(values, t) + h * headDim;
        System.arraycopy(v, valueFrom, allValues, to + slot * headDim, headDim);
      }
    }
  }
}
