package dev.krait.backend.cpu.matmul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.testing.Requirement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Machine code of every width that this processor has, whatever the vector width of the process.
class TileKernelsTest {
  private static final int GUARD = 16;
  private static final float UNTOUCHED = 12345.5f;

  static Stream<Arguments> widthsAndFormats() {
    return Stream.of(Assembler.YMM_BYTES, Assembler.ZMM_BYTES)
        .flatMap(
            width -> Stream.of(TileFormat.values()).map(format -> Arguments.of(width, format)));
  }

  @ParameterizedTest(name = "{0} bytes, {1}")
  @MethodSource("widthsAndFormats")
  void everyKernelGivesTheBitsOfFusedMultiplyAdds(int vectorBytes, TileFormat format) {
    try (Arena arena = Arena.ofShared()) {
      TileKernels.Opened opened = TileKernels.open(arena, vectorBytes);
      TileKernels kernels = opened.kernels();
      if (kernels == null) {
        Requirement needed =
            vectorBytes == Assembler.YMM_BYTES ? Requirement.AVX2 : Requirement.AVX512;
        needed.orSkip(Optional.of(opened.missing()));
        return;
      }
      for (int tokens = 1; tokens <= kernels.maxTokens(); tokens++) {
        for (int columns : new int[] {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 64, 333}) {
          Case one = new Case(arena, vectorBytes, format, columns);
          one.check(kernels, tokens, 1);
          one.check(kernels, tokens, kernels.maxTiles(tokens));
        }
      }
    }
  }

  @Test
  void kernelsAreAsManyAsTheRegistersAllow() {
    assertThat(TileCode.maxTokens(Assembler.YMM_BYTES)).isEqualTo(6);
    assertThat(TileCode.maxTokens(Assembler.ZMM_BYTES)).isEqualTo(14);
    assertThat(Stream.of(1, 2, 3, 4, 6).map(t -> TileCode.maxTiles(Assembler.YMM_BYTES, t)))
        .containsExactly(4, 3, 2, 1, 1);
    assertThat(Stream.of(1, 3, 4, 5, 7, 8, 14).map(t -> TileCode.maxTiles(Assembler.ZMM_BYTES, t)))
        .containsExactly(4, 4, 3, 2, 2, 1, 1);
  }

  @Test
  void aProcessorWithoutTheInstructionsIsToldWhichItLacks() {
    assertThat(TileKernels.missingInstructions(Assembler.YMM_BYTES, "flags: sse2 avx2 fma f16c"))
        .isEmpty();
    assertThat(TileKernels.missingInstructions(Assembler.ZMM_BYTES, "flags: sse2 avx2 fma f16c"))
        .isEqualTo("the processor has no avx512f");
    assertThat(TileKernels.missingInstructions(Assembler.YMM_BYTES, "flags: sse2 avx"))
        .isEqualTo("the processor has no avx2, fma, f16c");
    assertThat(TileKernels.missingInstructions(16, "flags: sse2 avx2 fma f16c"))
        .isEqualTo("machine code is for vectors of 256 and 512 bits");
  }

  @Test
  void theSwitchTakesTrueAndFalseOnly() {
    assertThat(TileKernels.isSwitchedOff("true")).isFalse();
    assertThat(TileKernels.isSwitchedOff("false")).isTrue();
    assertThatThrownBy(() -> TileKernels.isSwitchedOff("off"))
        .isInstanceOf(EngineException.class)
        .hasMessage("krait.machine-code: off (expected: true or false)");
  }

  /// Tiles, tokens and sums off-heap, as a kernel takes them.
  private static final class Case {
    private final int lanes;
    private final TileFormat format;
    private final int columns;
    private final int stride;
    private final MemorySegment weights;
    private final MemorySegment x;
    private final MemorySegment out;

    Case(Arena arena, int vectorBytes, TileFormat format, int columns) {
      this.format = format;
      this.columns = columns;
      lanes = vectorBytes / Float.BYTES;
      stride = columns + TileCode.ROW_PADDING;
      Random random = new Random(columns);
      int maxTokens = TileCode.maxTokens(vectorBytes);
      weights = arena.allocate(Math.max(1, 4 * tileBytes()), 64);
      for (int i = 0; i < 4 * columns * 2 * lanes; i++) {
        float value = (float) random.nextGaussian();
        switch (format) {
          case BF16 ->
              weights.setAtIndex(
                  ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(value) >>> 16));
          case F16 ->
              weights.setAtIndex(
                  ValueLayout.JAVA_SHORT,
                  i,
                  Float.floatToFloat16(i % 5 == 0 ? value / 30_000 : value));
          case F32 -> weights.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
      }
      x = arena.allocate((long) maxTokens * stride * Float.BYTES, 64);
      for (int i = 0; i < maxTokens * stride; i++) {
        x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      out = arena.allocate((2L * maxTokens * 2 * lanes + 2 * GUARD) * Float.BYTES, 64);
    }

    private long tileBytes() {
      return (long) columns * 2 * lanes * format.elementBytes();
    }

    void check(TileKernels kernels, int tokens, int tiles) {
      long floats = out.byteSize() / Float.BYTES;
      for (long i = 0; i < floats; i++) {
        out.setAtIndex(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
      }
      long from = out.address() + GUARD * Float.BYTES;
      kernels
          .of(format, tokens, tiles)
          .multiply(weights.address(), tileBytes(), x.address(), columns, from);
      int rows = 2 * lanes;
      int sums = tiles * tokens * rows;
      for (long i = 0; i < floats; i++) {
        int sum = (int) i - GUARD;
        float expected =
            sum < 0 || sum >= sums
                ? UNTOUCHED
                : chain(sum / (tokens * rows), sum / rows % tokens, sum % rows);
        assertThat(out.getAtIndex(ValueLayout.JAVA_FLOAT, i))
            .as("%d columns, %d tokens, %d tiles, float %d", columns, tokens, tiles, sum)
            .isEqualTo(expected);
      }
    }

    private float chain(int tile, int token, int row) {
      float sum = 0;
      for (int k = 0; k < columns; k++) {
        float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * stride + k);
        sum = Math.fma(weight(tile, k, row), value, sum);
      }
      return sum;
    }

    private float weight(int tile, int column, int row) {
      long place =
          ((long) tile * columns + column) * 2 * lanes
              + (format == TileFormat.BF16 ? 2 * (row % lanes) + row / lanes : row);
      return switch (format) {
        case BF16 -> Float.intBitsToFloat(weights.getAtIndex(ValueLayout.JAVA_SHORT, place) << 16);
        case F16 -> Float.float16ToFloat(weights.getAtIndex(ValueLayout.JAVA_SHORT, place));
        case F32 -> weights.getAtIndex(ValueLayout.JAVA_FLOAT, place);
      };
    }
  }
}
