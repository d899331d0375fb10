package dev.krait.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.testing.Requirement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TileKernelsTest {
  private static final int ROWS = 16;
  private static final int HALF_ROWS = ROWS / 2;
  private static final int GUARD = 8;
  private static final float UNTOUCHED = 12345.5f;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6})
  void everyKernelGivesTheBitsOfFusedMultiplyAdds(int tokens) {
    try (Arena arena = Arena.ofShared()) {
      TileKernels kernels = TileKernels.open(arena).kernels();
      Requirement.AVX2.orSkip(
          kernels == null
              ? Optional.of("no machine code here, with vectors of " + Lanes.BYTES * 8 + " bits")
              : Optional.empty());
      for (int columns : new int[] {1, 2, 3, 7, 8, 9, 15, 16, 17, 64, 333}) {
        check(Objects.requireNonNull(kernels), tokens, columns, 1, arena);
        check(kernels, tokens, columns, TileKernelCode.mostTiles(tokens), arena);
      }
    }
  }

  private static void check(TileKernels kernels, int tokens, int columns, int tiles, Arena arena) {
    Random random = new Random(tokens * 1000L + columns);
    long tileBytes = (long) columns * TileKernelCode.VECTOR_BYTES;
    MemorySegment weights = arena.allocate(tiles * tileBytes, 64);
    for (long i = 0; i < weights.byteSize() / Short.BYTES; i++) {
      int bits = Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16;
      weights.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) bits);
    }
    int stride = columns + TileKernelCode.ROW_PADDING;
    MemorySegment x = arena.allocate((long) tokens * stride * Float.BYTES, 64);
    for (long i = 0; i < (long) tokens * stride; i++) {
      x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    int sums = tiles * tokens * ROWS;
    MemorySegment out = arena.allocate((sums + 2L * GUARD) * Float.BYTES, 64);
    for (int i = 0; i < sums + 2 * GUARD; i++) {
      out.setAtIndex(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
    }
    long from = out.address() + GUARD * Float.BYTES;
    if (tiles == 1) {
      kernels.multiply(tokens, weights.address(), x.address(), columns, from);
    } else {
      kernels.multiplyMost(tokens, weights.address(), tileBytes, x.address(), columns, from);
    }
    for (int i = 0; i < GUARD; i++) {
      assertThat(out.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(UNTOUCHED);
      assertThat(out.getAtIndex(ValueLayout.JAVA_FLOAT, GUARD + sums + i)).isEqualTo(UNTOUCHED);
    }
    for (int i = 0; i < sums; i++) {
      int tile = i / (tokens * ROWS);
      int token = i / ROWS % tokens;
      float expected = 0;
      for (int k = 0; k < columns; k++) {
        float w = weight(weights, tile * tileBytes + (long) k * 32, i % ROWS);
        float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * stride + k);
        expected = Math.fma(w, value, expected);
      }
      assertThat(out.getAtIndex(ValueLayout.JAVA_FLOAT, GUARD + i))
          .as("%d columns, tile %d of %d, token %d", columns, tile, tiles, token)
          .isEqualTo(expected);
    }
  }

  /// Rows of a column lie in pairs: row j in the low half of a word, row j + 8 in the high one.
  private static float weight(MemorySegment weights, long column, int row) {
    int word = weights.get(ValueLayout.JAVA_INT, column + row % HALF_ROWS * 4L);
    return Float.intBitsToFloat(row < HALF_ROWS ? word << 16 : word & 0xffff0000);
  }
}
