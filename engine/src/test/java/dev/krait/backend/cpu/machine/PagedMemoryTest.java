package dev.krait.backend.cpu.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PagedMemoryTest {
  private static final long SMALL = 3_000_001;
  private static final long LARGE = 40_000_003;

  @Test
  void piecesAreZeroedAlignedAndApart() {
    try (Arena arena = Arena.ofShared()) {
      PagedMemory memory = new PagedMemory(arena);
      List<MemorySegment> pieces = new ArrayList<>();
      for (int i = 0; i < 25; i++) {
        pieces.add(memory.allocate(i == 7 ? LARGE : SMALL, 64));
      }
      for (int i = 0; i < pieces.size(); i++) {
        MemorySegment piece = pieces.get(i);
        assertThat(piece.byteSize()).isEqualTo(i == 7 ? LARGE : SMALL);
        assertThat(piece.address() % 64).isZero();
        assertThat(piece.mismatch(MemorySegment.ofArray(new byte[(int) piece.byteSize()])))
            .isEqualTo(-1);
        piece.fill((byte) (i + 1));
      }
      for (int i = 0; i < pieces.size(); i++) {
        MemorySegment piece = pieces.get(i);
        byte[] expected = new byte[(int) piece.byteSize()];
        java.util.Arrays.fill(expected, (byte) (i + 1));
        assertThat(piece.mismatch(MemorySegment.ofArray(expected))).isEqualTo(-1);
      }
    }
  }

  @Test
  void nothingIsLeftAfterTheArena() {
    MemorySegment piece;
    try (Arena arena = Arena.ofShared()) {
      piece = new PagedMemory(arena).allocate(LARGE, 64);
    }
    assertThat(piece.scope().isAlive()).isFalse();
  }
}
