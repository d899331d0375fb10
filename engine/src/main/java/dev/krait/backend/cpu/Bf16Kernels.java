package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Inner loops of the matrix product for several tokens on a machine with 16 registers, bf16
/// weights, widened in registers.
///
/// Each accumulator lane is one output's chain over the columns. `x` holds the tokens of a group
/// side by side, column after column. Loops take as many columns a turn as the compiler keeps in
/// registers: addresses and bounds would otherwise be a third of the instructions, which counts
/// where two hardware threads share a core.
@SuppressWarnings("checkstyle:methodlength") // unrolled
final class Bf16Kernels {
  private static final int LANES = Lanes.COUNT;
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int HALF_BITS = 16;
  private static final int HIGH_HALF = 0xffff0000;

  private Bf16Kernels() {}

  /// 2 tokens by two tiles: adds `count` columns to `acc[tile, 2, tile rows]`.
  static void tokens2(MemorySegment w, int[] from, float[] x, int xFrom, int count, float[] acc) {
    int from0 = from[0];
    int from1 = from[1];
    FloatVector a00 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b00 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a01 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b01 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b10 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b11 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    int even = count - count % 2;
    for (int k = 0; k < even; k += 2) {
      int at = xFrom + k * 2;
      int w0 = from0 + k * Lanes.BYTES;
      int w1 = from1 + k * Lanes.BYTES;
      IntVector pair00 = IntVector.fromMemorySegment(INTS, w, w0, ORDER);
      FloatVector first00 = pair00.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second00 = pair00.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair01 = IntVector.fromMemorySegment(INTS, w, w1, ORDER);
      FloatVector first01 = pair01.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second01 = pair01.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x00 = FloatVector.broadcast(FLOATS, x[at]);
      a00 = first00.fma(x00, a00);
      b00 = second00.fma(x00, b00);
      a10 = first01.fma(x00, a10);
      b10 = second01.fma(x00, b10);
      FloatVector x01 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a01 = first00.fma(x01, a01);
      b01 = second00.fma(x01, b01);
      a11 = first01.fma(x01, a11);
      b11 = second01.fma(x01, b11);
      IntVector pair10 = IntVector.fromMemorySegment(INTS, w, w0 + 1 * Lanes.BYTES, ORDER);
      FloatVector first10 = pair10.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second10 = pair10.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair11 = IntVector.fromMemorySegment(INTS, w, w1 + 1 * Lanes.BYTES, ORDER);
      FloatVector first11 = pair11.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second11 = pair11.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x10 = FloatVector.broadcast(FLOATS, x[at + 2]);
      a00 = first10.fma(x10, a00);
      b00 = second10.fma(x10, b00);
      a10 = first11.fma(x10, a10);
      b10 = second11.fma(x10, b10);
      FloatVector x11 = FloatVector.broadcast(FLOATS, x[at + 3]);
      a01 = first10.fma(x11, a01);
      b01 = second10.fma(x11, b01);
      a11 = first11.fma(x11, a11);
      b11 = second11.fma(x11, b11);
    }
    a00.intoArray(acc, 0 * LANES);
    b00.intoArray(acc, 1 * LANES);
    a01.intoArray(acc, 2 * LANES);
    b01.intoArray(acc, 3 * LANES);
    a10.intoArray(acc, 4 * LANES);
    b10.intoArray(acc, 5 * LANES);
    a11.intoArray(acc, 6 * LANES);
    b11.intoArray(acc, 7 * LANES);
    addRest(w, from0, 2, x, xFrom, even, count, acc, 0);
    addRest(w, from1, 2, x, xFrom, even, count, acc, 4 * LANES);
  }

  /// 4 tokens by one tile: adds `count` columns to `acc[4, tile rows]`.
  static void tokens4(MemorySegment w, int[] from, float[] x, int xFrom, int count, float[] acc) {
    int from0 = from[0];
    FloatVector a0 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b0 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    int even = count - count % 4;
    for (int k = 0; k < even; k += 4) {
      int at = xFrom + k * 4;
      int w0 = from0 + k * Lanes.BYTES;
      IntVector pair0 = IntVector.fromMemorySegment(INTS, w, w0, ORDER);
      FloatVector first0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x00 = FloatVector.broadcast(FLOATS, x[at]);
      a0 = first0.fma(x00, a0);
      b0 = second0.fma(x00, b0);
      FloatVector x01 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a1 = first0.fma(x01, a1);
      b1 = second0.fma(x01, b1);
      FloatVector x02 = FloatVector.broadcast(FLOATS, x[at + 2]);
      a2 = first0.fma(x02, a2);
      b2 = second0.fma(x02, b2);
      FloatVector x03 = FloatVector.broadcast(FLOATS, x[at + 3]);
      a3 = first0.fma(x03, a3);
      b3 = second0.fma(x03, b3);
      IntVector pair1 = IntVector.fromMemorySegment(INTS, w, w0 + 1 * Lanes.BYTES, ORDER);
      FloatVector first1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x10 = FloatVector.broadcast(FLOATS, x[at + 4]);
      a0 = first1.fma(x10, a0);
      b0 = second1.fma(x10, b0);
      FloatVector x11 = FloatVector.broadcast(FLOATS, x[at + 5]);
      a1 = first1.fma(x11, a1);
      b1 = second1.fma(x11, b1);
      FloatVector x12 = FloatVector.broadcast(FLOATS, x[at + 6]);
      a2 = first1.fma(x12, a2);
      b2 = second1.fma(x12, b2);
      FloatVector x13 = FloatVector.broadcast(FLOATS, x[at + 7]);
      a3 = first1.fma(x13, a3);
      b3 = second1.fma(x13, b3);
      IntVector pair2 = IntVector.fromMemorySegment(INTS, w, w0 + 2 * Lanes.BYTES, ORDER);
      FloatVector first2 = pair2.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second2 = pair2.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x20 = FloatVector.broadcast(FLOATS, x[at + 8]);
      a0 = first2.fma(x20, a0);
      b0 = second2.fma(x20, b0);
      FloatVector x21 = FloatVector.broadcast(FLOATS, x[at + 9]);
      a1 = first2.fma(x21, a1);
      b1 = second2.fma(x21, b1);
      FloatVector x22 = FloatVector.broadcast(FLOATS, x[at + 10]);
      a2 = first2.fma(x22, a2);
      b2 = second2.fma(x22, b2);
      FloatVector x23 = FloatVector.broadcast(FLOATS, x[at + 11]);
      a3 = first2.fma(x23, a3);
      b3 = second2.fma(x23, b3);
      IntVector pair3 = IntVector.fromMemorySegment(INTS, w, w0 + 3 * Lanes.BYTES, ORDER);
      FloatVector first3 = pair3.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second3 = pair3.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x30 = FloatVector.broadcast(FLOATS, x[at + 12]);
      a0 = first3.fma(x30, a0);
      b0 = second3.fma(x30, b0);
      FloatVector x31 = FloatVector.broadcast(FLOATS, x[at + 13]);
      a1 = first3.fma(x31, a1);
      b1 = second3.fma(x31, b1);
      FloatVector x32 = FloatVector.broadcast(FLOATS, x[at + 14]);
      a2 = first3.fma(x32, a2);
      b2 = second3.fma(x32, b2);
      FloatVector x33 = FloatVector.broadcast(FLOATS, x[at + 15]);
      a3 = first3.fma(x33, a3);
      b3 = second3.fma(x33, b3);
    }
    a0.intoArray(acc, 0 * LANES);
    b0.intoArray(acc, 1 * LANES);
    a1.intoArray(acc, 2 * LANES);
    b1.intoArray(acc, 3 * LANES);
    a2.intoArray(acc, 4 * LANES);
    b2.intoArray(acc, 5 * LANES);
    a3.intoArray(acc, 6 * LANES);
    b3.intoArray(acc, 7 * LANES);
    addRest(w, from0, 4, x, xFrom, even, count, acc, 0);
  }

  /// 6 tokens by one tile: adds `count` columns to `acc[6, tile rows]`.
  static void tokens6(MemorySegment w, int[] from, float[] x, int xFrom, int count, float[] acc) {
    int from0 = from[0];
    FloatVector a0 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b0 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    FloatVector a4 = FloatVector.fromArray(FLOATS, acc, 8 * LANES);
    FloatVector b4 = FloatVector.fromArray(FLOATS, acc, 9 * LANES);
    FloatVector a5 = FloatVector.fromArray(FLOATS, acc, 10 * LANES);
    FloatVector b5 = FloatVector.fromArray(FLOATS, acc, 11 * LANES);
    int even = count - count % 2;
    for (int k = 0; k < even; k += 2) {
      int at = xFrom + k * 6;
      int w0 = from0 + k * Lanes.BYTES;
      IntVector pair0 = IntVector.fromMemorySegment(INTS, w, w0, ORDER);
      FloatVector first0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x00 = FloatVector.broadcast(FLOATS, x[at]);
      a0 = first0.fma(x00, a0);
      b0 = second0.fma(x00, b0);
      FloatVector x01 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a1 = first0.fma(x01, a1);
      b1 = second0.fma(x01, b1);
      FloatVector x02 = FloatVector.broadcast(FLOATS, x[at + 2]);
      a2 = first0.fma(x02, a2);
      b2 = second0.fma(x02, b2);
      FloatVector x03 = FloatVector.broadcast(FLOATS, x[at + 3]);
      a3 = first0.fma(x03, a3);
      b3 = second0.fma(x03, b3);
      FloatVector x04 = FloatVector.broadcast(FLOATS, x[at + 4]);
      a4 = first0.fma(x04, a4);
      b4 = second0.fma(x04, b4);
      FloatVector x05 = FloatVector.broadcast(FLOATS, x[at + 5]);
      a5 = first0.fma(x05, a5);
      b5 = second0.fma(x05, b5);
      IntVector pair1 = IntVector.fromMemorySegment(INTS, w, w0 + 1 * Lanes.BYTES, ORDER);
      FloatVector first1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x10 = FloatVector.broadcast(FLOATS, x[at + 6]);
      a0 = first1.fma(x10, a0);
      b0 = second1.fma(x10, b0);
      FloatVector x11 = FloatVector.broadcast(FLOATS, x[at + 7]);
      a1 = first1.fma(x11, a1);
      b1 = second1.fma(x11, b1);
      FloatVector x12 = FloatVector.broadcast(FLOATS, x[at + 8]);
      a2 = first1.fma(x12, a2);
      b2 = second1.fma(x12, b2);
      FloatVector x13 = FloatVector.broadcast(FLOATS, x[at + 9]);
      a3 = first1.fma(x13, a3);
      b3 = second1.fma(x13, b3);
      FloatVector x14 = FloatVector.broadcast(FLOATS, x[at + 10]);
      a4 = first1.fma(x14, a4);
      b4 = second1.fma(x14, b4);
      FloatVector x15 = FloatVector.broadcast(FLOATS, x[at + 11]);
      a5 = first1.fma(x15, a5);
      b5 = second1.fma(x15, b5);
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
    addRest(w, from0, 6, x, xFrom, even, count, acc, 0);
  }

  /// Columns `[first, end)`, too few for a turn.
  private static void addRest(
      MemorySegment w,
      int from,
      int tokens,
      float[] x,
      int xFrom,
      int first,
      int end,
      float[] acc,
      int accFrom) {
    for (int k = first; k < end; k++) {
      IntVector pair = IntVector.fromMemorySegment(INTS, w, from + k * Lanes.BYTES, ORDER);
      FloatVector low = pair.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector high = pair.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      for (int token = 0; token < tokens; token++) {
        FloatVector xk = FloatVector.broadcast(FLOATS, x[xFrom + k * tokens + token]);
        int a = accFrom + 2 * token * LANES;
        int b = a + LANES;
        low.fma(xk, FloatVector.fromArray(FLOATS, acc, a)).intoArray(acc, a);
        high.fma(xk, FloatVector.fromArray(FLOATS, acc, b)).intoArray(acc, b);
      }
    }
  }
}
