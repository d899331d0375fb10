package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/// Inner loops of the matrix product with fp32 weights; see [Bf16Kernels] for the arguments.
final class F32Kernels {
  private static final int LANES = Lanes.COUNT;
  private static final int COLUMN_BYTES = 2 * Lanes.BYTES;

  private F32Kernels() {}

  private static FloatVector load(MemorySegment w, int at) {
    return FloatVector.fromMemorySegment(Lanes.FLOATS, w, at, ByteOrder.nativeOrder());
  }

  /// One token by four tiles: `out[tile, tile rows]` over all columns.
  static void token1(MemorySegment w, int[] from, float[] x, int xFrom, int columns, float[] out) {
    int from0 = from[0];
    int from1 = from[1];
    int from2 = from[2];
    int from3 = from[3];
    FloatVector a0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector b0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector b1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector b2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector a3 = FloatVector.zero(Lanes.FLOATS);
    FloatVector b3 = FloatVector.zero(Lanes.FLOATS);
    for (int k = 0; k < columns; k++) {
      FloatVector xk = FloatVector.broadcast(Lanes.FLOATS, x[xFrom + k]);
      int at = k * COLUMN_BYTES;
      a0 = load(w, from0 + at).fma(xk, a0);
      b0 = load(w, from0 + at + Lanes.BYTES).fma(xk, b0);
      a1 = load(w, from1 + at).fma(xk, a1);
      b1 = load(w, from1 + at + Lanes.BYTES).fma(xk, b1);
      a2 = load(w, from2 + at).fma(xk, a2);
      b2 = load(w, from2 + at + Lanes.BYTES).fma(xk, b2);
      a3 = load(w, from3 + at).fma(xk, a3);
      b3 = load(w, from3 + at + Lanes.BYTES).fma(xk, b3);
    }
    a0.intoArray(out, 0 * LANES);
    b0.intoArray(out, 1 * LANES);
    a1.intoArray(out, 2 * LANES);
    b1.intoArray(out, 3 * LANES);
    a2.intoArray(out, 4 * LANES);
    b2.intoArray(out, 5 * LANES);
    a3.intoArray(out, 6 * LANES);
    b3.intoArray(out, 7 * LANES);
  }

  /// 2 tokens by one tile: adds `count` columns to `acc[2, tile rows]`.
  static void tokens2(MemorySegment w, int from, float[] x, int xFrom, int count, float[] acc) {
    FloatVector a0 = FloatVector.fromArray(Lanes.FLOATS, acc, 0 * LANES);
    FloatVector b0 = FloatVector.fromArray(Lanes.FLOATS, acc, 1 * LANES);
    FloatVector a1 = FloatVector.fromArray(Lanes.FLOATS, acc, 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(Lanes.FLOATS, acc, 3 * LANES);
    for (int k = 0; k < count; k++) {
      FloatVector first = load(w, from + k * COLUMN_BYTES);
      FloatVector second = load(w, from + k * COLUMN_BYTES + Lanes.BYTES);
      int at = xFrom + k * 2;
      FloatVector x0 = FloatVector.broadcast(Lanes.FLOATS, x[at]);
      a0 = first.fma(x0, a0);
      b0 = second.fma(x0, b0);
      FloatVector x1 = FloatVector.broadcast(Lanes.FLOATS, x[at + 1]);
      a1 = first.fma(x1, a1);
      b1 = second.fma(x1, b1);
    }
    a0.intoArray(acc, 0 * LANES);
    b0.intoArray(acc, 1 * LANES);
    a1.intoArray(acc, 2 * LANES);
    b1.intoArray(acc, 3 * LANES);
  }

  /// 4 tokens by one tile: adds `count` columns to `acc[4, tile rows]`.
  static void tokens4(MemorySegment w, int from, float[] x, int xFrom, int count, float[] acc) {
    FloatVector a0 = FloatVector.fromArray(Lanes.FLOATS, acc, 0 * LANES);
    FloatVector b0 = FloatVector.fromArray(Lanes.FLOATS, acc, 1 * LANES);
    FloatVector a1 = FloatVector.fromArray(Lanes.FLOATS, acc, 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(Lanes.FLOATS, acc, 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(Lanes.FLOATS, acc, 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(Lanes.FLOATS, acc, 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(Lanes.FLOATS, acc, 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(Lanes.FLOATS, acc, 7 * LANES);
    for (int k = 0; k < count; k++) {
      FloatVector first = load(w, from + k * COLUMN_BYTES);
      FloatVector second = load(w, from + k * COLUMN_BYTES + Lanes.BYTES);
      int at = xFrom + k * 4;
      FloatVector x0 = FloatVector.broadcast(Lanes.FLOATS, x[at]);
      a0 = first.fma(x0, a0);
      b0 = second.fma(x0, b0);
      FloatVector x1 = FloatVector.broadcast(Lanes.FLOATS, x[at + 1]);
      a1 = first.fma(x1, a1);
      b1 = second.fma(x1, b1);
      FloatVector x2 = FloatVector.broadcast(Lanes.FLOATS, x[at + 2]);
      a2 = first.fma(x2, a2);
      b2 = second.fma(x2, b2);
      FloatVector x3 = FloatVector.broadcast(Lanes.FLOATS, x[at + 3]);
      a3 = first.fma(x3, a3);
      b3 = second.fma(x3, b3);
    }
    a0.intoArray(acc, 0 * LANES);
    b0.intoArray(acc, 1 * LANES);
    a1.intoArray(acc, 2 * LANES);
    b1.intoArray(acc, 3 * LANES);
    a2.intoArray(acc, 4 * LANES);
    b2.intoArray(acc, 5 * LANES);
    a3.intoArray(acc, 6 * LANES);
    b3.intoArray(acc, 7 * LANES);
  }

  /// 6 tokens by one tile: adds `count` columns to `acc[6, tile rows]`.
  static void tokens6(MemorySegment w, int from, float[] x, int xFrom, int count, float[] acc) {
    FloatVector a0 = FloatVector.fromArray(Lanes.FLOATS, acc, 0 * LANES);
    FloatVector b0 = FloatVector.fromArray(Lanes.FLOATS, acc, 1 * LANES);
    FloatVector a1 = FloatVector.fromArray(Lanes.FLOATS, acc, 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(Lanes.FLOATS, acc, 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(Lanes.FLOATS, acc, 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(Lanes.FLOATS, acc, 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(Lanes.FLOATS, acc, 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(Lanes.FLOATS, acc, 7 * LANES);
    FloatVector a4 = FloatVector.fromArray(Lanes.FLOATS, acc, 8 * LANES);
    FloatVector b4 = FloatVector.fromArray(Lanes.FLOATS, acc, 9 * LANES);
    FloatVector a5 = FloatVector.fromArray(Lanes.FLOATS, acc, 10 * LANES);
    FloatVector b5 = FloatVector.fromArray(Lanes.FLOATS, acc, 11 * LANES);
    for (int k = 0; k < count; k++) {
      FloatVector first = load(w, from + k * COLUMN_BYTES);
      FloatVector second = load(w, from + k * COLUMN_BYTES + Lanes.BYTES);
      int at = xFrom + k * 6;
      FloatVector x0 = FloatVector.broadcast(Lanes.FLOATS, x[at]);
      a0 = first.fma(x0, a0);
      b0 = second.fma(x0, b0);
      FloatVector x1 = FloatVector.broadcast(Lanes.FLOATS, x[at + 1]);
      a1 = first.fma(x1, a1);
      b1 = second.fma(x1, b1);
      FloatVector x2 = FloatVector.broadcast(Lanes.FLOATS, x[at + 2]);
      a2 = first.fma(x2, a2);
      b2 = second.fma(x2, b2);
      FloatVector x3 = FloatVector.broadcast(Lanes.FLOATS, x[at + 3]);
      a3 = first.fma(x3, a3);
      b3 = second.fma(x3, b3);
      FloatVector x4 = FloatVector.broadcast(Lanes.FLOATS, x[at + 4]);
      a4 = first.fma(x4, a4);
      b4 = second.fma(x4, b4);
      FloatVector x5 = FloatVector.broadcast(Lanes.FLOATS, x[at + 5]);
      a5 = first.fma(x5, a5);
      b5 = second.fma(x5, b5);
    }
    a0.intoArray(acc, 0 * LANES);
    b0.intoArray(acc, 1 * LANES);
    a1.intoArray(acc, 2 * LANES);
    b1.intoArray(acc, 3 * LANES);
    a2.intoArray(acc, 4 * LANES);
    b2.intoArray(acc, 5 * LANES);
    a3.intoArray(acc, 6 * LANES);
    b3.intoArray(acc, 7 * LANES);
    a4.intoArray(acc, 8 * LANES);
    b4.intoArray(acc, 9 * LANES);
    a5.intoArray(acc, 10 * LANES);
    b5.intoArray(acc, 11 * LANES);
  }
}
