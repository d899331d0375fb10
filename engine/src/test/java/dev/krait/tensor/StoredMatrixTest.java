package dev.krait.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.backend.NumericMode;
import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class StoredMatrixTest {
  private static Tensor floats(long rows, float... values) {
    return new Tensor(
        DType.F32, Shape.of(rows, values.length / rows), MemorySegment.ofArray(values));
  }

  private static Tensor bf16(long rows, float... values) {
    short[] bits = new short[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = DType.toBf16(values[i]);
    }
    return new Tensor(
        DType.BF16, Shape.of(rows, values.length / rows), MemorySegment.ofArray(bits));
  }

  private static Tensor fp64(double... values) {
    return new Tensor(DType.F64, Shape.of(1, values.length), MemorySegment.ofArray(values));
  }

  private static float[] row(StoredMatrix.Dense matrix, int row) {
    MemorySegment bytes =
        MemorySegment.ofArray(new byte[2 + matrix.columns() * matrix.dtype().bytes()]);
    matrix.readRow(row, bytes, 2);
    return new Tensor(matrix.dtype(), Shape.of(matrix.columns()), bytes.asSlice(2)).toFloats();
  }

  @Test
  void rowsOfStackedBlocksAreReadInOrder() {
    StoredMatrix.Dense matrix =
        StoredMatrix.Dense.of(List.of(floats(2, 1, 2, 3, 4), floats(1, 5, 6)));

    assertThat(matrix.rows()).isEqualTo(3);
    assertThat(row(matrix, 1)).containsExactly(3, 4);
    assertThat(row(matrix, 2)).containsExactly(5, 6);
    assertThatThrownBy(() -> row(matrix, 3)).hasMessageContaining("row: 3 (expected: below 3)");
  }

  @Test
  void blocksOfDifferentTypesAndFp64BecomeFp32() {
    StoredMatrix.Dense mixed =
        StoredMatrix.Dense.of(List.of(bf16(1, 1.5f, 2), floats(1, 0.1f, 3), fp64(0.3, 4)));

    assertThat(mixed.format()).isEqualTo("F32");
    assertThat(row(mixed, 0)).containsExactly(1.5f, 2);
    assertThat(row(mixed, 1)).containsExactly(0.1f, 3);
    assertThat(row(mixed, 2)).containsExactly((float) 0.3, 4);
    assertThat(StoredMatrix.Dense.of(List.of(fp64(1))).dtype()).isEqualTo(DType.F32);
    assertThat(StoredMatrix.Dense.of(List.of(bf16(1, 1))).dtype()).isEqualTo(DType.BF16);
  }

  @Test
  void rowsAreRoundedToTheTypeAskedFor() {
    List<Tensor> blocks = List.of(floats(1, 0.1f, -3.14159f));

    assertThat(row(new StoredMatrix.Dense(blocks, DType.BF16), 0))
        .containsExactly(DType.roundToBf16(0.1f), DType.roundToBf16(-3.14159f));
    assertThat(row(new StoredMatrix.Dense(blocks, DType.F16), 0))
        .containsExactly(
            Float.float16ToFloat(Float.floatToFloat16(0.1f)),
            Float.float16ToFloat(Float.floatToFloat16(-3.14159f)));
  }

  @Test
  void blocksThatDoNotFitTogetherAreRefused() {
    assertThatThrownBy(() -> StoredMatrix.Dense.of(List.of(floats(1, 1, 2), floats(1, 1, 2, 3))))
        .hasMessageContaining("F32[1, 3] (expected: [rows, 2] of a float type)");
    assertThatThrownBy(() -> new StoredMatrix.Dense(List.of(floats(1, 1)), DType.I8))
        .hasMessageContaining("I8 (expected: F32, F16 or BF16)");
  }

  @Test
  void aFormatThatTheBackendDoesNotTakeIsRefusedByName() {
    StoredMatrix matrix = StoredMatrix.Dense.of(List.of(floats(1, 1)));
    try (ReferenceBackend exact = new ReferenceBackend();
        ReferenceBackend rounded = new ReferenceBackend(NumericMode.BF16)) {
      assertThat(exact.supports(matrix)).isTrue();
      assertThat(rounded.supports(matrix)).isFalse();
      EngineException failure =
          catchThrowableOfType(EngineException.class, () -> rounded.upload(matrix));
      assertThat(failure.code()).isEqualTo(ErrorCode.UNSUPPORTED);
      assertThat(failure)
          .hasMessageStartingWith("weights: F32 (expected in the numeric mode bf16")
          .hasMessageContaining("backend reference: BF16;")
          .hasMessageContaining("--weights bf16");
    }
  }
}
