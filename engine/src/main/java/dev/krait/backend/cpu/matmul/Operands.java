package dev.krait.backend.cpu.matmul;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.tensor.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/// The matrix, the activations and the outputs of a product.
@SuppressWarnings("NullAway.Init")
final class Operands {
  private static final int TILE_ROWS = CpuMatrix.TILE_ROWS;
  private static final long TOKEN_BYTES = (long) TILE_ROWS * Float.BYTES;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  CpuMatrix matrix;
  float[] in;
  int tokens;
  private int inFrom;
  private int inStride;
  private float[] out;
  private int outFrom;
  private int outStride;

  void set(Rows dst, Rows x, CpuMatrix weight, int rows) {
    matrix = weight;
    in = HostBuffer.floats(x.buffer());
    inFrom = x.offset();
    inStride = x.stride();
    out = HostBuffer.floats(dst.buffer());
    outFrom = dst.offset();
    outStride = dst.stride();
    tokens = rows;
  }

  /// Where a token lies in [#in].
  int inAt(int token) {
    return inFrom + token * inStride;
  }

  /// Copies the sums of one piece of work to the outputs.
  void store(TileWork work) {
    long from = 0;
    for (int i = 0; i < work.tiles; i++) {
      int row = (work.tile + i * work.apart) * TILE_ROWS;
      int rows = Math.min(TILE_ROWS, matrix.rows() - row);
      for (int token = work.token; token < work.token + work.tokens; token++) {
        int to = outFrom + token * outStride + row;
        if (rows == TILE_ROWS) {
          FloatVector.fromMemorySegment(Lanes.FLOATS, work.sums, from, ORDER).intoArray(out, to);
          FloatVector.fromMemorySegment(Lanes.FLOATS, work.sums, from + Lanes.BYTES, ORDER)
              .intoArray(out, to + Lanes.COUNT);
        } else {
          MemorySegment.copy(work.sums, ValueLayout.JAVA_FLOAT, from, out, to, rows);
        }
        from += TOKEN_BYTES;
      }
    }
  }
}
