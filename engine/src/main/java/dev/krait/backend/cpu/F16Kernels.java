package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
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
  private static final int SIGN_SHIFT = 31;

  /// Infinity's 15 bits in place: only from there on does adding the rest to the sign bit reach it.
  private static final int INFINITY = 0x0f800000;

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
    IntVector special =
        magnitude
            .add(SIGN - INFINITY)
            .lanewise(VectorOperators.ASHR, SIGN_SHIFT)
            .lanewise(VectorOperators.AND, ALL_ONES_EXPONENT);
    return rebiased
        .lanewise(VectorOperators.OR, special)
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

  /// One token by one tile: `out[to, to + tile rows)` over all columns. One tile at a time, because
  /// widening more outgrows what the compiler inlines.
  static void token1(
      MemorySegment w, int from, float[] x, int xFrom, int columns, float[] out, int to) {
    FloatVector a = FloatVector.zero(Lanes.FLOATS);
    FloatVector b = FloatVector.zero(Lanes.FLOATS);
    for (int k = 0; k < columns; k++) {
      FloatVector xk = FloatVector.broadcast(Lanes.FLOATS, x[xFrom + k]);
      IntVector pair = load(w, from + k * Lanes.BYTES);
      a = first(pair).fma(xk, a);
      b = second(pair).fma(xk, b);
    }
    a.intoArray(out, to);
    b.intoArray(out, to + LANES);
  }
}
