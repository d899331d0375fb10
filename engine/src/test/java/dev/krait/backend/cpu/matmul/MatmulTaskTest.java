package dev.krait.backend.cpu.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Whole products in both forms against chains of fused multiply-adds.
class MatmulTaskTest {
  private static final int PADDING = 3;
  private static final float UNTOUCHED = -77;

  /// Machine code where this process takes it, and the Vector API.
  private static List<MatmulTask> forms(WorkerPool pool, Arena arena) {
    return List.of(
        new MatmulTask(pool, arena),
        new MatmulTask(pool, arena, TileKernels.Opened.refused("a test")));
  }

  @ParameterizedTest
  @CsvSource({
    "BF16, 1, 1",
    "BF16, 70, 5",
    "BF16, 333, 129",
    "F16, 70, 65",
    "F16, 333, 5",
    "F32, 70, 65",
    "F32, 333, 5",
    "BF16, 2100, 40",
    "F32, 5, 0"
  })
  void everyNumberOfTokensGivesTheSameChains(DType dtype, int rows, int columns) {
    Random random = new Random(rows);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      CpuMatrix matrix =
          MatrixPacker.pack(dense(tensor(dtype, rows, columns, random)), arena, pool);
      List<MatmulTask> forms = forms(pool, arena);
      float[] in = new float[40 * (columns + PADDING)];
      for (int i = 0; i < in.length; i++) {
        in[i] = (float) random.nextGaussian();
      }
      float[] expected = expected(matrix, in);
      for (int tokens : new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16, 17, 29, 40}) {
        for (MatmulTask form : forms) {
          float[] out = new float[40 * (rows + PADDING)];
          Arrays.fill(out, UNTOUCHED);
          form.run(
              new Rows(HostBuffer.over(out), 1, rows + PADDING, rows),
              new Rows(HostBuffer.over(in), 2, columns + PADDING, columns),
              matrix,
              tokens);
          float[] wanted = expected.clone();
          Arrays.fill(wanted, tokens * (rows + PADDING), wanted.length, UNTOUCHED);
          assertThat(out).as("%s, %d tokens", form.describe(), tokens).isEqualTo(wanted);
        }
      }
    }
  }

  private static float[] expected(CpuMatrix matrix, float[] in) {
    int columns = matrix.columns();
    int stride = matrix.rows() + PADDING;
    float[] expected = new float[40 * stride];
    Arrays.fill(expected, UNTOUCHED);
    float[] weights = new float[columns];
    for (int row = 0; row < matrix.rows(); row++) {
      matrix.readRow(row, weights, 0);
      for (int token = 0; token < 40; token++) {
        float sum = 0;
        for (int k = 0; k < columns; k++) {
          sum = Math.fma(weights[k], in[2 + token * (columns + PADDING) + k], sum);
        }
        expected[1 + token * stride + row] = sum;
      }
    }
    return expected;
  }

  private static StoredMatrix.Dense dense(Tensor tensor) {
    return StoredMatrix.Dense.of(List.of(tensor));
  }

  private static Tensor tensor(DType dtype, int rows, int columns, Random random) {
    float[] floats = new float[rows * columns];
    short[] halves = new short[floats.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) random.nextGaussian();
      halves[i] = dtype == DType.F16 ? Float.floatToFloat16(floats[i]) : DType.toBf16(floats[i]);
    }
    MemorySegment data =
        dtype == DType.F32 ? MemorySegment.ofArray(floats) : MemorySegment.ofArray(halves);
    return new Tensor(dtype, Shape.of(rows, columns), data);
  }

  /// Every pattern of 16 bits, as a weight of one column times one.
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"BF16", "F16"})
  void everyHalfPrecisionNumberIsReadAndMultipliedExactly(DType dtype) {
    int count = 1 << 16;
    short[] halves = new short[count];
    for (int i = 0; i < count; i++) {
      halves[i] = (short) i;
    }
    Tensor tensor = new Tensor(dtype, Shape.of(count, 1), MemorySegment.ofArray(halves));
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      CpuMatrix matrix = MatrixPacker.pack(dense(tensor), arena, pool);
      Rows one = new Rows(HostBuffer.over(new float[] {1, 1}), 0, 1, 1);
      for (MatmulTask form : forms(pool, arena)) {
        for (int tokens = 1; tokens <= 2; tokens++) {
          float[] sums = new float[2 * count];
          form.run(Rows.of(HostBuffer.over(sums), count), one, matrix, tokens);
          float[] row = new float[1];
          for (int i = 0; i < count; i++) {
            matrix.readRow(i, row, 0);
            float wide =
                dtype == DType.F16
                    ? Float.float16ToFloat(halves[i])
                    : Float.intBitsToFloat(halves[i] << 16);
            assertSame(row[0], wide, i);
            assertSame(sums[i], wide, i);
            assertSame(sums[(tokens - 1) * count + i], wide, i);
          }
        }
      }
    }
  }

  /// Equal, where a sum that starts from 0 has no negative zero.
  private static void assertSame(float actual, float expected, int half) {
    if (Float.isNaN(expected) ? !Float.isNaN(actual) : actual != expected) {
      assertThat(actual).as("half %x", half).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"BF16, 2", "F16, 2", "F32, 4"})
  void bytesCountWholeTiles(DType dtype, int bytes) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1)) {
      CpuMatrix matrix = MatrixPacker.pack(dense(tensor(dtype, 1, 3, new Random(1))), arena, pool);
      assertThat(matrix.bytes()).isEqualTo(3L * 2 * Lanes.COUNT * bytes);
    }
  }
}
