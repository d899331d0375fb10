package dev.krait.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class CpuMatrixTest {
  @Test
  void everyHalfPrecisionNumberIsReadAndMultipliedExactly() {
    int count = 1 << 16;
    short[] halves = new short[count];
    for (int i = 0; i < count; i++) {
      halves[i] = (short) i;
    }
    Tensor tensor = new Tensor(DType.F16, Shape.of(count, 1), MemorySegment.ofArray(halves));
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      CpuMatrix matrix = MatrixPacker.pack(StoredMatrix.Dense.of(List.of(tensor)), arena, pool);
      float[] row = new float[1];
      for (int i = 0; i < count; i++) {
        matrix.readRow(i, row, 0);
        assertSame(row[0], halves[i]);
      }
      float[] sums = new float[CpuMatrix.TILE_ROWS];
      for (int tile = 0; tile < matrix.tiles(); tile++) {
        F16Kernels.token1(
            matrix.piece(tile), matrix.tileFrom(tile), new float[] {1}, 0, 1, sums, 0);
        for (int r = 0; r < CpuMatrix.TILE_ROWS; r++) {
          assertSame(sums[r], halves[tile * CpuMatrix.TILE_ROWS + r]);
        }
      }
    }
  }

  /// Equal, where a sum that starts from 0 has no negative zero.
  private static void assertSame(float actual, short half) {
    float expected = Float.float16ToFloat(half);
    if (Float.isNaN(expected) ? !Float.isNaN(actual) : actual != expected) {
      assertThat(actual).as("half %x", half).isEqualTo(expected);
    }
  }

  @Test
  void bytesCountWholeTiles() {
    Tensor tensor =
        new Tensor(DType.BF16, Shape.of(1, 3), MemorySegment.ofArray(new short[] {1, 2, 3}));
    try (CpuBackend backend = CpuBackend.open(1)) {
      assertThat(backend.upload(StoredMatrix.Dense.of(List.of(tensor))).bytes())
          .isEqualTo(3L * CpuMatrix.TILE_ROWS * Short.BYTES);
    }
  }
}
