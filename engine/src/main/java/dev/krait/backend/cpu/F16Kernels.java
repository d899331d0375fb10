package dev.krait.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Inner loops of the matrix product with fp16 weights. For one token they are widened in
/// registers, for several a part of a tile is widened once into a scratch tile of floats for
/// [F32Kernels].
///
/// Exact widening by whole-number steps: the 15 bits of exponent and mantissa moved to their place
/// in a float are the value divided by 2^112, also for subnormal numbers; infinities and NaN then
/// get the exponent of all ones.
final class F16Kernels {
  private static final int LANES = Lanes.COUNT;
  private static final int COLUMN_BYTES = 2 * Lanes.BYTES;
  private static final int HALF_BITS = 16;
  private static final int SIGN = 0x80000000;
  private static final int MAGNITUDE = 0x7fff0000;
  private static final int EXPONENT_SHIFT = 3;
  private static final int LARGEST_FINITE = 0x0f7fe000;
  private static final int ALL_ONES_EXPONENT = 0x7f800000;
  private static final float REBIAS = 0x1p112f;

  private F16Kernels() {}

  private static IntVector load(MemorySegment w, int at) {
    return IntVector.fromMemorySegment(Lanes.INTS, w, at, ByteOrder.nativeOrder());
  }

  private static FloatVector first(IntVector pair) {
    return widen(pair.lanewise(VectorOperators.LSHL, HALF_BITS));
  }

  private static FloatVector second(IntVector pair) {
    return widen(pair);
  }

  /// The upper halves of the lanes as floats.
  private static FloatVector widen(IntVector halves) {
    IntVector magnitude =
        halves
            .lanewise(VectorOperators.AND, MAGNITUDE)
            .lanewise(VectorOperators.LSHR, EXPONENT_SHIFT);
    IntVector rebiased = magnitude.reinterpretAsFloats().mul(REBIAS).reinterpretAsInts();
    IntVector special = rebiased.lanewise(VectorOperators.OR, ALL_ONES_EXPONENT);
    return rebiased
        .blend(special, magnitude.compare(VectorOperators.GT, LARGEST_FINITE))
        .lanewise(VectorOperators.OR, halves.lanewise(VectorOperators.AND, SIGN))
        .reinterpretAsFloats();
  }

  /// Widens `count` columns of a tile.
  static void widenColumns(MemorySegment w, int from, int count, MemorySegment floats) {
    for (int k = 0; k < count; k++) {
      IntVector pair = load(w, from + k * Lanes.BYTES);
      int to = k * COLUMN_BYTES;
      first(pair).intoMemorySegment(floats, to, ByteOrder.nativeOrder());
      second(pair).intoMemorySegment(floats, to + Lanes.BYTES, ByteOrder.nativeOrder());
    }
  }

  /// One token by four tiles: `out[tile, tile rows]` over all columns.
  static void token1(MemorySegment w, int[] from, float[] x, int xFrom, int columns, float[] out) {
    int from0 = from[0];
    int from1 = from[1];
    int from2 = from[2];
    int from3 = from[3];
    FloatVector a0 = Lanes.zero();
    FloatVector b0 = Lanes.zero();
    FloatVector a1 = Lanes.zero();
    FloatVector b1 = Lanes.zero();
    FloatVector a2 = Lanes.zero();
    FloatVector b2 = Lanes.zero();
    FloatVector a3 = Lanes.zero();
    FloatVector b3 = Lanes.zero();
    for (int k = 0; k < columns; k++) {
      FloatVector xk = Lanes.broadcast(x[xFrom + k]);
      int at = k * Lanes.BYTES;
      IntVector pair0 = load(w, from0 + at);
      IntVector pair1 = load(w, from1 + at);
      IntVector pair2 = load(w, from2 + at);
      IntVector pair3 = load(w, from3 + at);
      a0 = first(pair0).fma(xk, a0);
      b0 = second(pair0).fma(xk, b0);
      a1 = first(pair1).fma(xk, a1);
      b1 = second(pair1).fma(xk, b1);
      a2 = first(pair2).fma(xk, a2);
      b2 = second(pair2).fma(xk, b2);
      a3 = first(pair3).fma(xk, a3);
      b3 = second(pair3).fma(xk, b3);
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
}
