package dev.krait.backend.cpu.machine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Zeroed memory off-heap, on Linux in pages of 2 MiB where the system has them: weights are read
/// once a step from end to end, and with pages of 4 KiB finding them takes as long as reading them.
///
/// Small pieces share slabs. What is allocated lives as long as the arena. Not thread-safe.
public final class PagedMemory implements SegmentAllocator {
  private static final long PAGE_BYTES = 2L << 20;
  private static final Path SETTING = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
  private static final long SLAB_BYTES = 32L << 20;

  private final Arena arena;
  private boolean refused;
  private MemorySegment slab = MemorySegment.NULL;
  private long used;

  /// Memory that lives as long as the arena.
  public PagedMemory(Arena arena) {
    this.arena = arena;
  }

  @Override
  public MemorySegment allocate(long byteSize, long byteAlignment) {
    if (byteSize > SLAB_BYTES / 2 || byteAlignment > PAGE_BYTES) {
      return map(byteSize, byteAlignment);
    }
    long from = Math.ceilDiv(used, byteAlignment) * byteAlignment;
    if (from + byteSize > slab.byteSize()) {
      slab = map(SLAB_BYTES, byteAlignment);
      from = 0;
    }
    used = from + byteSize;
    return slab.asSlice(from, byteSize);
  }

  /// Why what was allocated lies in small pages, for people; empty when large ones were asked for.
  public Optional<String> smallPages() {
    if (refused) {
      return Optional.of("the system gave no memory for large ones");
    }
    return SystemCalls.missing().or(PagedMemory::switchedOff);
  }

  private static Optional<String> switchedOff() {
    try {
      return Files.readString(SETTING).contains("[never]")
          ? Optional.of(SETTING + " is never")
          : Optional.empty();
    } catch (IOException e) {
      return Optional.of(SETTING + " is missing");
    }
  }

  private MemorySegment map(long bytes, long alignment) {
    SystemCalls system = SystemCalls.FOUND;
    if (system != null && alignment <= PAGE_BYTES) {
      long whole = Math.ceilDiv(bytes, PAGE_BYTES) * PAGE_BYTES;
      MemorySegment pages = system.map(whole, PAGE_BYTES, arena);
      if (pages != null) {
        system.preferLargePages(pages);
        return pages.asSlice(0, bytes);
      }
      refused = true;
    }
    return arena.allocate(bytes, alignment);
  }
}
