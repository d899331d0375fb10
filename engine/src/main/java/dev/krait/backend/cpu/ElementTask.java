package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.Activation;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import jdk.incubator.vector.FloatVector;

/// Operations on elements: workers take strips of rows.
@SuppressWarnings("NullAway.Init")
final class ElementTask {
  private static final int STRIP = 512;
  private static final int GRAIN_ADD = 32 * 1024 / STRIP;
  private static final int GRAIN_ACTIVATION = 2 * 1024 / STRIP;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final WorkerPool.Task addStrips = this::runAdd;
  private final WorkerPool.Task scaleStrips = this::runScale;
  private final WorkerPool.Task addBiasStrips = this::runAddBias;
  private final WorkerPool.Task activateStrips = this::runActivate;
  private final WorkerPool.Task activateMulStrips = this::runActivateMul;

  private Rows dst;
  private Rows x;
  private Rows other;
  private int strips;
  private float factor;
  private float[] bias;
  private Activation activation;

  ElementTask(WorkerPool pool, Scratch[] scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  void add(Rows residual, Rows delta, int rows) {
    prepare(residual, residual, delta);
    pool.parallelFor(addStrips, rows * strips, GRAIN_ADD);
  }

  void scale(Rows x, float factor, int rows) {
    prepare(x, x, x);
    this.factor = factor;
    pool.parallelFor(scaleStrips, rows * strips, GRAIN_ADD);
  }

  void addBias(Rows x, Buffer bias, int rows) {
    prepare(x, x, x);
    this.bias = HostBuffer.floats(bias);
    pool.parallelFor(addBiasStrips, rows * strips, GRAIN_ADD);
  }

  void activate(Rows x, Activation activation, int rows) {
    prepare(x, x, x);
    this.activation = activation;
    pool.parallelFor(activateStrips, rows * strips, GRAIN_ACTIVATION);
  }

  void activateMul(Rows dst, Rows gate, Rows up, Activation activation, int rows) {
    prepare(dst, gate, up);
    this.activation = activation;
    pool.parallelFor(activateMulStrips, rows * strips, GRAIN_ACTIVATION);
  }

  private void prepare(Rows dst, Rows x, Rows other) {
    this.dst = dst;
    this.x = x;
    this.other = other;
    strips = (dst.columns() + STRIP - 1) / STRIP;
  }

  private void runAdd(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int row = item / strips;
      int column = item % strips * STRIP;
      int count = Math.min(STRIP, dst.columns() - column);
      add(
          HostRows.floats(dst),
          HostRows.at(dst, row) + column,
          HostRows.floats(other),
          HostRows.at(other, row) + column,
          count);
    }
  }

  private void runScale(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int row = item / strips;
      int column = item % strips * STRIP;
      int count = Math.min(STRIP, dst.columns() - column);
      scale(HostRows.floats(dst), HostRows.at(dst, row) + column, factor, count);
    }
  }

  private void runAddBias(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int row = item / strips;
      int column = item % strips * STRIP;
      int count = Math.min(STRIP, dst.columns() - column);
      add(HostRows.floats(dst), HostRows.at(dst, row) + column, bias, column, count);
    }
  }

  private void runActivate(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int row = item / strips;
      int column = item % strips * STRIP;
      int count = Math.min(STRIP, dst.columns() - column);
      ActivationLoops.apply(
          activation, HostRows.floats(dst), HostRows.at(dst, row) + column, count);
    }
  }

  private void runActivateMul(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int row = item / strips;
      int column = item % strips * STRIP;
      int count = Math.min(STRIP, dst.columns() - column);
      activateMul(scratch[worker].floats(STRIP), row, column, count);
    }
  }

  private void activateMul(float[] activated, int row, int column, int count) {
    float[] out = HostRows.floats(dst);
    int to = HostRows.at(dst, row) + column;
    float[] gate = HostRows.floats(x);
    int gateFrom = HostRows.at(x, row) + column;
    float[] up = HostRows.floats(other);
    int upFrom = HostRows.at(other, row) + column;
    if (activation == Activation.SILU) {
      siluMul(out, to, gate, gateFrom, up, upFrom, count);
      return;
    }
    System.arraycopy(gate, gateFrom, activated, 0, count);
    ActivationLoops.apply(activation, activated, 0, count);
    multiply(out, to, activated, up, upFrom, count);
  }

  /// `sum += more`.
  static void add(float[] sum, int to, float[] more, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, sum, to + i)
          .add(FloatVector.fromArray(Lanes.FLOATS, more, from + i))
          .intoArray(sum, to + i);
    }
    for (int i = whole; i < count; i++) {
      sum[to + i] += more[from + i];
    }
  }

  /// `values *= factor`.
  static void scale(float[] values, int from, float factor, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, values, from + i).mul(factor).intoArray(values, from + i);
    }
    for (int i = whole; i < count; i++) {
      values[from + i] *= factor;
    }
  }

  /// `out = silu(gate) * up`.
  static void siluMul(
      float[] out, int to, float[] gate, int gateFrom, float[] up, int upFrom, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      VectorMath.silu(FloatVector.fromArray(Lanes.FLOATS, gate, gateFrom + i))
          .mul(FloatVector.fromArray(Lanes.FLOATS, up, upFrom + i))
          .intoArray(out, to + i);
    }
    for (int i = whole; i < count; i++) {
      out[to + i] = VectorMath.silu(gate[gateFrom + i]) * up[upFrom + i];
    }
  }

  /// `out = x * y`, `x` from its start on.
  private static void multiply(float[] out, int to, float[] x, float[] y, int yFrom, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, x, i)
          .mul(FloatVector.fromArray(Lanes.FLOATS, y, yFrom + i))
          .intoArray(out, to + i);
    }
    for (int i = whole; i < count; i++) {
      out[to + i] = x[i] * y[yFrom + i];
    }
  }

  /// `values = silu(values)`.
  static void silu(float[] values, int from, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      VectorMath.silu(FloatVector.fromArray(Lanes.FLOATS, values, from + i))
          .intoArray(values, from + i);
    }
    for (int i = whole; i < count; i++) {
      values[from + i] = VectorMath.silu(values[from + i]);
    }
  }

  /// `out = softplus(in + bias)`.
  static void softplus(float[] out, int to, float[] in, int from, float[] bias, int count) {
    int whole = Lanes.whole(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      VectorMath.softplus(
              FloatVector.fromArray(Lanes.FLOATS, in, from + i)
                  .add(FloatVector.fromArray(Lanes.FLOATS, bias, i)))
          .intoArray(out, to + i);
    }
    for (int i = whole; i < count; i++) {
      out[to + i] = VectorMath.softplus(in[from + i] + bias[i]);
    }
  }
}
