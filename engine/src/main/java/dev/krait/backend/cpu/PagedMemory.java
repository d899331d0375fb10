package dev.krait.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/// Zeroed memory off-heap, on Linux in pages of 2 MiB where the system has them: weights are read
/// once a step from end to end, and with pages of 4 KiB finding them takes as long as reading them.
///
/// Small pieces share slabs. What is allocated lives as long as the arena. Not thread-safe.
final class PagedMemory implements SegmentAllocator {
  private static final long PAGE_BYTES = 2L << 20;
  private static final long SLAB_BYTES = 32L << 20;

  private final Arena arena;
  private MemorySegment slab = MemorySegment.NULL;
  private long used;

  PagedMemory(Arena arena) {
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

  private MemorySegment map(long bytes, long alignment) {
    if (SystemCalls.FOUND != null && alignment <= PAGE_BYTES) {
      MemorySegment mapped = SystemCalls.FOUND.map(bytes, arena);
      if (mapped != null) {
        return mapped;
      }
    }
    return arena.allocate(bytes, alignment);
  }

  /// `mmap`, `munmap` and `madvise`; numbers are those of Linux on 64 bits.
  private record SystemCalls(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise) {
    private static final int READ_AND_WRITE = 3;
    private static final int PRIVATE_AND_ANONYMOUS = 0x22;
    private static final int HUGE_PAGE = 14;
    private static final MemoryLayout POINTER = ValueLayout.ADDRESS;
    private static final MemoryLayout LONG = ValueLayout.JAVA_LONG;
    private static final MemoryLayout INT = ValueLayout.JAVA_INT;

    /// Null on other systems, and in a program that does not enable native access.
    static final @Nullable SystemCalls FOUND =
        System.getProperty("os.name").equals("Linux")
                && PagedMemory.class.getModule().isNativeAccessEnabled()
            ? find()
            : null;

    private static SystemCalls find() {
      return new SystemCalls(
          handle("mmap", FunctionDescriptor.of(LONG, POINTER, LONG, INT, INT, INT, LONG)),
          handle("munmap", FunctionDescriptor.of(INT, LONG, LONG)),
          handle("madvise", FunctionDescriptor.of(INT, LONG, LONG, INT)));
    }

    @SuppressWarnings("restricted") // The C library is native.
    private static MethodHandle handle(String name, FunctionDescriptor signature) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), signature);
    }

    /// Memory from the start of a page on; null where the system has none left. It is only advice
    /// to use large pages, so that a system without them gives small ones.
    @SuppressWarnings("restricted") // An address becomes a segment.
    @Nullable MemorySegment map(long bytes, Arena arena) {
      long whole = Math.ceilDiv(bytes, PAGE_BYTES) * PAGE_BYTES;
      long mapped = whole + PAGE_BYTES;
      try {
        long address =
            (long)
                mmap.invokeExact(
                    MemorySegment.NULL, mapped, READ_AND_WRITE, PRIVATE_AND_ANONYMOUS, -1, 0L);
        if (address == -1) {
          return null;
        }
        long from = Math.ceilDiv(address, PAGE_BYTES) * PAGE_BYTES;
        int ignored = (int) madvise.invokeExact(from, whole, HUGE_PAGE);
        return MemorySegment.ofAddress(from)
            .reinterpret(bytes, arena, memory -> unmap(address, mapped));
      } catch (Throwable e) {
        throw new IllegalStateException("mmap", e);
      }
    }

    private void unmap(long address, long bytes) {
      try {
        int ignored = (int) munmap.invokeExact(address, bytes);
      } catch (Throwable e) {
        throw new IllegalStateException("munmap", e);
      }
    }
  }
}
