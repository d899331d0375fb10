package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Inner loops of the matrix product with bf16 weights that take several tiles at a time, each a
/// stream of its own, so that memory and multiply-adds overlap: for one token everywhere, for a few
/// where there are 32 registers.
///
/// Tokens are read where they lie. Each accumulator lane is one output's chain over the columns, as
/// everywhere. The loops call the vectors' own methods only: the compiler stops inlining ours once
/// a loop is this long, and every vector would become an object.
@SuppressWarnings("checkstyle:methodlength") // as long as the registers are many
final class Bf16Streams {
  private static final int LANES = Lanes.COUNT;
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int HALF_BITS = 16;
  private static final int HIGH_HALF = 0xffff0000;

  private Bf16Streams() {}

  /// One token by four tiles: `out[tile, tile rows]` over all columns.
  static void token1(MemorySegment w, int[] from, float[] x, int xFrom, int columns, float[] out) {
    int from0 = from[0];
    int from1 = from[1];
    int from2 = from[2];
    int from3 = from[3];
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = FloatVector.zero(FLOATS);
    FloatVector a1 = FloatVector.zero(FLOATS);
    FloatVector b1 = FloatVector.zero(FLOATS);
    FloatVector a2 = FloatVector.zero(FLOATS);
    FloatVector b2 = FloatVector.zero(FLOATS);
    FloatVector a3 = FloatVector.zero(FLOATS);
    FloatVector b3 = FloatVector.zero(FLOATS);
    for (int k = 0; k < columns; k++) {
      FloatVector xk = FloatVector.broadcast(FLOATS, x[xFrom + k]);
      int at = k * Lanes.BYTES;
      IntVector pair0 = IntVector.fromMemorySegment(INTS, w, from0 + at, ORDER);
      IntVector pair1 = IntVector.fromMemorySegment(INTS, w, from1 + at, ORDER);
      IntVector pair2 = IntVector.fromMemorySegment(INTS, w, from2 + at, ORDER);
      IntVector pair3 = IntVector.fromMemorySegment(INTS, w, from3 + at, ORDER);
      a0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(xk, a0);
      b0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(xk, b0);
      a1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(xk, a1);
      b1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(xk, b1);
      a2 = pair2.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(xk, a2);
      b2 = pair2.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(xk, b2);
      a3 = pair3.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats().fma(xk, a3);
      b3 = pair3.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats().fma(xk, b3);
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

  /// 2 tokens by 4 tiles: adds `count` columns to `acc[tile, token, tile rows]`.
  static void tokens2by4(
      MemorySegment w, int[] from, float[] x, int[] rows, int count, float[] acc) {
    int row0 = rows[0];
    int row1 = rows[1];
    int from0 = from[0];
    int from1 = from[1];
    int from2 = from[2];
    int from3 = from[3];
    FloatVector a00 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b00 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a01 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b01 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b10 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b11 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    FloatVector a20 = FloatVector.fromArray(FLOATS, acc, 8 * LANES);
    FloatVector b20 = FloatVector.fromArray(FLOATS, acc, 9 * LANES);
    FloatVector a21 = FloatVector.fromArray(FLOATS, acc, 10 * LANES);
    FloatVector b21 = FloatVector.fromArray(FLOATS, acc, 11 * LANES);
    FloatVector a30 = FloatVector.fromArray(FLOATS, acc, 12 * LANES);
    FloatVector b30 = FloatVector.fromArray(FLOATS, acc, 13 * LANES);
    FloatVector a31 = FloatVector.fromArray(FLOATS, acc, 14 * LANES);
    FloatVector b31 = FloatVector.fromArray(FLOATS, acc, 15 * LANES);
    for (int k = 0; k < count; k++) {
      int at = k * Lanes.BYTES;
      IntVector pair0 = IntVector.fromMemorySegment(INTS, w, from0 + at, ORDER);
      FloatVector first0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair1 = IntVector.fromMemorySegment(INTS, w, from1 + at, ORDER);
      FloatVector first1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair2 = IntVector.fromMemorySegment(INTS, w, from2 + at, ORDER);
      FloatVector first2 = pair2.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second2 = pair2.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair3 = IntVector.fromMemorySegment(INTS, w, from3 + at, ORDER);
      FloatVector first3 = pair3.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second3 = pair3.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x0 = FloatVector.broadcast(FLOATS, x[row0 + k]);
      a00 = first0.fma(x0, a00);
      b00 = second0.fma(x0, b00);
      a10 = first1.fma(x0, a10);
      b10 = second1.fma(x0, b10);
      a20 = first2.fma(x0, a20);
      b20 = second2.fma(x0, b20);
      a30 = first3.fma(x0, a30);
      b30 = second3.fma(x0, b30);
      FloatVector x1 = FloatVector.broadcast(FLOATS, x[row1 + k]);
      a01 = first0.fma(x1, a01);
      b01 = second0.fma(x1, b01);
      a11 = first1.fma(x1, a11);
      b11 = second1.fma(x1, b11);
      a21 = first2.fma(x1, a21);
      b21 = second2.fma(x1, b21);
      a31 = first3.fma(x1, a31);
      b31 = second3.fma(x1, b31);
    }
    a00.intoArray(acc, 0 * LANES);
    b00.intoArray(acc, 1 * LANES);
    a01.intoArray(acc, 2 * LANES);
    b01.intoArray(acc, 3 * LANES);
    a10.intoArray(acc, 4 * LANES);
    b10.intoArray(acc, 5 * LANES);
    a11.intoArray(acc, 6 * LANES);
    b11.intoArray(acc, 7 * LANES);
    a20.intoArray(acc, 8 * LANES);
    b20.intoArray(acc, 9 * LANES);
    a21.intoArray(acc, 10 * LANES);
    b21.intoArray(acc, 11 * LANES);
    a30.intoArray(acc, 12 * LANES);
    b30.intoArray(acc, 13 * LANES);
    a31.intoArray(acc, 14 * LANES);
    b31.intoArray(acc, 15 * LANES);
  }

  /// 4 tokens by 2 tiles: adds `count` columns to `acc[tile, token, tile rows]`.
  static void tokens4by2(
      MemorySegment w, int[] from, float[] x, int[] rows, int count, float[] acc) {
    int row0 = rows[0];
    int row1 = rows[1];
    int row2 = rows[2];
    int row3 = rows[3];
    int from0 = from[0];
    int from1 = from[1];
    FloatVector a00 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b00 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a01 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b01 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a02 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b02 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a03 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b03 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, acc, 8 * LANES);
    FloatVector b10 = FloatVector.fromArray(FLOATS, acc, 9 * LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, acc, 10 * LANES);
    FloatVector b11 = FloatVector.fromArray(FLOATS, acc, 11 * LANES);
    FloatVector a12 = FloatVector.fromArray(FLOATS, acc, 12 * LANES);
    FloatVector b12 = FloatVector.fromArray(FLOATS, acc, 13 * LANES);
    FloatVector a13 = FloatVector.fromArray(FLOATS, acc, 14 * LANES);
    FloatVector b13 = FloatVector.fromArray(FLOATS, acc, 15 * LANES);
    for (int k = 0; k < count; k++) {
      int at = k * Lanes.BYTES;
      IntVector pair0 = IntVector.fromMemorySegment(INTS, w, from0 + at, ORDER);
      FloatVector first0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair1 = IntVector.fromMemorySegment(INTS, w, from1 + at, ORDER);
      FloatVector first1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x0 = FloatVector.broadcast(FLOATS, x[row0 + k]);
      a00 = first0.fma(x0, a00);
      b00 = second0.fma(x0, b00);
      a10 = first1.fma(x0, a10);
      b10 = second1.fma(x0, b10);
      FloatVector x1 = FloatVector.broadcast(FLOATS, x[row1 + k]);
      a01 = first0.fma(x1, a01);
      b01 = second0.fma(x1, b01);
      a11 = first1.fma(x1, a11);
      b11 = second1.fma(x1, b11);
      FloatVector x2 = FloatVector.broadcast(FLOATS, x[row2 + k]);
      a02 = first0.fma(x2, a02);
      b02 = second0.fma(x2, b02);
      a12 = first1.fma(x2, a12);
      b12 = second1.fma(x2, b12);
      FloatVector x3 = FloatVector.broadcast(FLOATS, x[row3 + k]);
      a03 = first0.fma(x3, a03);
      b03 = second0.fma(x3, b03);
      a13 = first1.fma(x3, a13);
      b13 = second1.fma(x3, b13);
    }
    a00.intoArray(acc, 0 * LANES);
    b00.intoArray(acc, 1 * LANES);
    a01.intoArray(acc, 2 * LANES);
    b01.intoArray(acc, 3 * LANES);
    a02.intoArray(acc, 4 * LANES);
    b02.intoArray(acc, 5 * LANES);
    a03.intoArray(acc, 6 * LANES);
    b03.intoArray(acc, 7 * LANES);
    a10.intoArray(acc, 8 * LANES);
    b10.intoArray(acc, 9 * LANES);
    a11.intoArray(acc, 10 * LANES);
    b11.intoArray(acc, 11 * LANES);
    a12.intoArray(acc, 12 * LANES);
    b12.intoArray(acc, 13 * LANES);
    a13.intoArray(acc, 14 * LANES);
    b13.intoArray(acc, 15 * LANES);
  }

  /// 6 tokens by 2 tiles: adds `count` columns to `acc[tile, token, tile rows]`.
  static void tokens6by2(
      MemorySegment w, int[] from, float[] x, int[] rows, int count, float[] acc) {
    int row0 = rows[0];
    int row1 = rows[1];
    int row2 = rows[2];
    int row3 = rows[3];
    int row4 = rows[4];
    int row5 = rows[5];
    int from0 = from[0];
    int from1 = from[1];
    FloatVector a00 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b00 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a01 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b01 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a02 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b02 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a03 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b03 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    FloatVector a04 = FloatVector.fromArray(FLOATS, acc, 8 * LANES);
    FloatVector b04 = FloatVector.fromArray(FLOATS, acc, 9 * LANES);
    FloatVector a05 = FloatVector.fromArray(FLOATS, acc, 10 * LANES);
    FloatVector b05 = FloatVector.fromArray(FLOATS, acc, 11 * LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, acc, 12 * LANES);
    FloatVector b10 = FloatVector.fromArray(FLOATS, acc, 13 * LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, acc, 14 * LANES);
    FloatVector b11 = FloatVector.fromArray(FLOATS, acc, 15 * LANES);
    FloatVector a12 = FloatVector.fromArray(FLOATS, acc, 16 * LANES);
    FloatVector b12 = FloatVector.fromArray(FLOATS, acc, 17 * LANES);
    FloatVector a13 = FloatVector.fromArray(FLOATS, acc, 18 * LANES);
    FloatVector b13 = FloatVector.fromArray(FLOATS, acc, 19 * LANES);
    FloatVector a14 = FloatVector.fromArray(FLOATS, acc, 20 * LANES);
    FloatVector b14 = FloatVector.fromArray(FLOATS, acc, 21 * LANES);
    FloatVector a15 = FloatVector.fromArray(FLOATS, acc, 22 * LANES);
    FloatVector b15 = FloatVector.fromArray(FLOATS, acc, 23 * LANES);
    for (int k = 0; k < count; k++) {
      int at = k * Lanes.BYTES;
      IntVector pair0 = IntVector.fromMemorySegment(INTS, w, from0 + at, ORDER);
      FloatVector first0 = pair0.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second0 = pair0.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      IntVector pair1 = IntVector.fromMemorySegment(INTS, w, from1 + at, ORDER);
      FloatVector first1 = pair1.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second1 = pair1.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x0 = FloatVector.broadcast(FLOATS, x[row0 + k]);
      a00 = first0.fma(x0, a00);
      b00 = second0.fma(x0, b00);
      a10 = first1.fma(x0, a10);
      b10 = second1.fma(x0, b10);
      FloatVector x1 = FloatVector.broadcast(FLOATS, x[row1 + k]);
      a01 = first0.fma(x1, a01);
      b01 = second0.fma(x1, b01);
      a11 = first1.fma(x1, a11);
      b11 = second1.fma(x1, b11);
      FloatVector x2 = FloatVector.broadcast(FLOATS, x[row2 + k]);
      a02 = first0.fma(x2, a02);
      b02 = second0.fma(x2, b02);
      a12 = first1.fma(x2, a12);
      b12 = second1.fma(x2, b12);
      FloatVector x3 = FloatVector.broadcast(FLOATS, x[row3 + k]);
      a03 = first0.fma(x3, a03);
      b03 = second0.fma(x3, b03);
      a13 = first1.fma(x3, a13);
      b13 = second1.fma(x3, b13);
      FloatVector x4 = FloatVector.broadcast(FLOATS, x[row4 + k]);
      a04 = first0.fma(x4, a04);
      b04 = second0.fma(x4, b04);
      a14 = first1.fma(x4, a14);
      b14 = second1.fma(x4, b14);
      FloatVector x5 = FloatVector.broadcast(FLOATS, x[row5 + k]);
      a05 = first0.fma(x5, a05);
      b05 = second0.fma(x5, b05);
      a15 = first1.fma(x5, a15);
      b15 = second1.fma(x5, b15);
    }
    a00.intoArray(acc, 0 * LANES);
    b00.intoArray(acc, 1 * LANES);
    a01.intoArray(acc, 2 * LANES);
    b01.intoArray(acc, 3 * LANES);
    a02.intoArray(acc, 4 * LANES);
    b02.intoArray(acc, 5 * LANES);
    a03.intoArray(acc, 6 * LANES);
    b03.intoArray(acc, 7 * LANES);
    a04.intoArray(acc, 8 * LANES);
    b04.intoArray(acc, 9 * LANES);
    a05.intoArray(acc, 10 * LANES);
    b05.intoArray(acc, 11 * LANES);
    a10.intoArray(acc, 12 * LANES);
    b10.intoArray(acc, 13 * LANES);
    a11.intoArray(acc, 14 * LANES);
    b11.intoArray(acc, 15 * LANES);
    a12.intoArray(acc, 16 * LANES);
    b12.intoArray(acc, 17 * LANES);
    a13.intoArray(acc, 18 * LANES);
    b13.intoArray(acc, 19 * LANES);
    a14.intoArray(acc, 20 * LANES);
    b14.intoArray(acc, 21 * LANES);
    a15.intoArray(acc, 22 * LANES);
    b15.intoArray(acc, 23 * LANES);
  }
}
