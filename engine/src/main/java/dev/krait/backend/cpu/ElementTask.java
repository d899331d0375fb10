package dev.krait.backend.cpu;

import dev.krait.tensor.Rows;
import jdk.incubator.vector.FloatVector;

/// Operations on elements: workers take strips of rows.
@SuppressWarnings("NullAway.Init")
final class ElementTask {
  private static final int STRIP = 512;
  private static final int GRAIN_ADD = 32 * 1024 / STRIP;
  private static final int GRAIN_SILU = 2 * 1024 / STRIP;

  private final WorkerPool pool;
  private final WorkerPool.Task addStrips = this::runAdd;
  private final WorkerPool.Task scaleStrips = this::runScale;
  private final WorkerPool.Task siluMulStrips = this::runSiluMul;

  private Rows dst;
  private Rows x;
  private Rows other;
  private int strips;
  private float factor;

  ElementTask(WorkerPool pool) {
    this.pool = pool;
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

  void siluMul(Rows dst, Rows gate, Rows up, int rows) {
    prepare(dst, gate, up);
    pool.parallelFor(siluMulStrips, rows * strips, GRAIN_SILU);
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

  private void runSiluMul(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int row = item / strips;
      int column = item % strips * STRIP;
      int count = Math.min(STRIP, dst.columns() - column);
      siluMul(
          HostRows.floats(dst),
          HostRows.at(dst, row) + column,
          HostRows.floats(x),
          HostRows.at(x, row) + column,
          HostRows.floats(other),
          HostRows.at(other, row) + column,
          count);
    }
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
