package dev.krait.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
  private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED;
  private static final int HALF_BITS = 16;
  private static final int HIGH_HALF = 0xffff0000;

  /// Streams that [#tokens4] reads ahead.
  static final int STREAMS_AHEAD = 4;

  /// Bytes that each of them goes on by in eight columns, together those of the columns: with
  /// vectors of 256 bits a line, which comes from the memory at a time.
  private static final int LINE_BYTES = 8 * Lanes.BYTES / STREAMS_AHEAD;

  private Bf16Kernels() {}

  /// 2 tokens by 3 tiles: adds `count` columns to `acc[tile, 2, tile rows]`.
  static void tokens2(MemorySegment w, int[] from, float[] x, int xFrom, int count, float[] acc) {
    int from0 = from[0];
    int from1 = from[1];
    int from2 = from[2];
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
    for (int k = 0; k < count; k++) {
      int at = xFrom + k * 2;
      int w0 = from0 + k * Lanes.BYTES;
      int w1 = from1 + k * Lanes.BYTES;
      int w2 = from2 + k * Lanes.BYTES;
      IntVector pair00 = IntVector.fromMemorySegment(INTS, w, w0, ORDER);
      FloatVector first00 = pair00.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second00 = pair00.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x000 = FloatVector.broadcast(FLOATS, x[at]);
      a00 = first00.fma(x000, a00);
      b00 = second00.fma(x000, b00);
      FloatVector x001 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a01 = first00.fma(x001, a01);
      b01 = second00.fma(x001, b01);
      IntVector pair01 = IntVector.fromMemorySegment(INTS, w, w1, ORDER);
      FloatVector first01 = pair01.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second01 = pair01.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x010 = FloatVector.broadcast(FLOATS, x[at]);
      a10 = first01.fma(x010, a10);
      b10 = second01.fma(x010, b10);
      FloatVector x011 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a11 = first01.fma(x011, a11);
      b11 = second01.fma(x011, b11);
      IntVector pair02 = IntVector.fromMemorySegment(INTS, w, w2, ORDER);
      FloatVector first02 = pair02.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second02 = pair02.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x020 = FloatVector.broadcast(FLOATS, x[at]);
      a20 = first02.fma(x020, a20);
      b20 = second02.fma(x020, b20);
      FloatVector x021 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a21 = first02.fma(x021, a21);
      b21 = second02.fma(x021, b21);
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
  }

  /// 3 tokens by 2 tiles: adds `count` columns to `acc[tile, 3, tile rows]`.
  static void tokens3(MemorySegment w, int[] from, float[] x, int xFrom, int count, float[] acc) {
    int from0 = from[0];
    int from1 = from[1];
    FloatVector a00 = FloatVector.fromArray(FLOATS, acc, 0 * LANES);
    FloatVector b00 = FloatVector.fromArray(FLOATS, acc, 1 * LANES);
    FloatVector a01 = FloatVector.fromArray(FLOATS, acc, 2 * LANES);
    FloatVector b01 = FloatVector.fromArray(FLOATS, acc, 3 * LANES);
    FloatVector a02 = FloatVector.fromArray(FLOATS, acc, 4 * LANES);
    FloatVector b02 = FloatVector.fromArray(FLOATS, acc, 5 * LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, acc, 6 * LANES);
    FloatVector b10 = FloatVector.fromArray(FLOATS, acc, 7 * LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, acc, 8 * LANES);
    FloatVector b11 = FloatVector.fromArray(FLOATS, acc, 9 * LANES);
    FloatVector a12 = FloatVector.fromArray(FLOATS, acc, 10 * LANES);
    FloatVector b12 = FloatVector.fromArray(FLOATS, acc, 11 * LANES);
    int even = count - count % 2;
    for (int k = 0; k < even; k += 2) {
      int at = xFrom + k * 3;
      int w0 = from0 + k * Lanes.BYTES;
      int w1 = from1 + k * Lanes.BYTES;
      IntVector pair00 = IntVector.fromMemorySegment(INTS, w, w0, ORDER);
      FloatVector first00 = pair00.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second00 = pair00.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x000 = FloatVector.broadcast(FLOATS, x[at]);
      a00 = first00.fma(x000, a00);
      b00 = second00.fma(x000, b00);
      FloatVector x001 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a01 = first00.fma(x001, a01);
      b01 = second00.fma(x001, b01);
      FloatVector x002 = FloatVector.broadcast(FLOATS, x[at + 2]);
      a02 = first00.fma(x002, a02);
      b02 = second00.fma(x002, b02);
      IntVector pair01 = IntVector.fromMemorySegment(INTS, w, w1, ORDER);
      FloatVector first01 = pair01.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second01 = pair01.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x010 = FloatVector.broadcast(FLOATS, x[at]);
      a10 = first01.fma(x010, a10);
      b10 = second01.fma(x010, b10);
      FloatVector x011 = FloatVector.broadcast(FLOATS, x[at + 1]);
      a11 = first01.fma(x011, a11);
      b11 = second01.fma(x011, b11);
      FloatVector x012 = FloatVector.broadcast(FLOATS, x[at + 2]);
      a12 = first01.fma(x012, a12);
      b12 = second01.fma(x012, b12);
      IntVector pair10 = IntVector.fromMemorySegment(INTS, w, w0 + 1 * Lanes.BYTES, ORDER);
      FloatVector first10 = pair10.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second10 = pair10.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x100 = FloatVector.broadcast(FLOATS, x[at + 3]);
      a00 = first10.fma(x100, a00);
      b00 = second10.fma(x100, b00);
      FloatVector x101 = FloatVector.broadcast(FLOATS, x[at + 4]);
      a01 = first10.fma(x101, a01);
      b01 = second10.fma(x101, b01);
      FloatVector x102 = FloatVector.broadcast(FLOATS, x[at + 5]);
      a02 = first10.fma(x102, a02);
      b02 = second10.fma(x102, b02);
      IntVector pair11 = IntVector.fromMemorySegment(INTS, w, w1 + 1 * Lanes.BYTES, ORDER);
      FloatVector first11 = pair11.lanewise(VectorOperators.LSHL, HALF_BITS).reinterpretAsFloats();
      FloatVector second11 = pair11.lanewise(VectorOperators.AND, HIGH_HALF).reinterpretAsFloats();
      FloatVector x110 = FloatVector.broadcast(FLOATS, x[at + 3]);
      a10 = first11.fma(x110, a10);
      b10 = second11.fma(x110, b10);
      FloatVector x111 = FloatVector.broadcast(FLOATS, x[at + 4]);
      a11 = first11.fma(x111, a11);
      b11 = second11.fma(x111, b11);
      FloatVector x112 = FloatVector.broadcast(FLOATS, x[at + 5]);
      a12 = first11.fma(x112, a12);
      b12 = second11.fma(x112, b12);
    }
    a00.intoArray(acc, 0 * LANES);
    b00.intoArray(acc, 1 * LANES);
    a01.intoArray(acc, 2 * LANES);
    b01.intoArray(acc, 3 * LANES);
    a02.intoArray(acc, 4 * LANES);
    b02.intoArray(acc, 5 * LANES);
    a10.intoArray(acc, 6 * LANES);
    b10.intoArray(acc, 7 * LANES);
    a11.intoArray(acc, 8 * LANES);
    b11.intoArray(acc, 9 * LANES);
    a12.intoArray(acc, 10 * LANES);
    b12.intoArray(acc, 11 * LANES);
    addRest(w, from0, 3, x, xFrom, even, count, acc, 0 * LANES);
    addRest(w, from1, 3, x, xFrom, even, count, acc, 6 * LANES);
  }

  /// 4 tokens by one tile: adds `count` columns to `acc[4, tile rows]`.
  ///
  /// Besides reads a word of every line of as many bytes elsewhere, in four streams, so that the
  /// memory brings them while this tile is multiplied. There is no instruction for that in Java; a
  /// single stream would wait for every line.
  ///
  /// @param ahead where the first two streams start, and how far behind them the other two; each
  ///   goes on by a line in a turn of theirs
  /// @return what was read, to be kept from being optimised away
  static int tokens4(
      MemorySegment w, int[] from, int[] ahead, float[] x, int xFrom, int count, float[] acc) {
    int from0 = from[0];
    int ahead0 = ahead[0];
    int ahead1 = ahead[1];
    int others = ahead[2];
    int touched = 0;
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
      int line = (k >> 3) * LINE_BYTES + (k >> 2 & 1) * others;
      touched ^= w.get(WORD, ahead0 + line) ^ w.get(WORD, ahead1 + line);
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
    return touched;
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
