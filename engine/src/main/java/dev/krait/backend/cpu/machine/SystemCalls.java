package dev.krait.backend.cpu.machine;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Memory from Linux itself; numbers are those of 64 bits.
public record SystemCalls(
    MethodHandle mmap, MethodHandle munmap, MethodHandle madvise, MethodHandle mprotect) {
  private static final int READ_AND_WRITE = 3;
  private static final int READ_AND_EXECUTE = 5;
  private static final int PRIVATE_AND_ANONYMOUS = 0x22;
  private static final int HUGE_PAGE = 14;
  private static final MemoryLayout LONG = ValueLayout.JAVA_LONG;
  private static final MemoryLayout INT = ValueLayout.JAVA_INT;

  /// Null on other systems, and in a program that does not enable native access.
  public static final @Nullable SystemCalls FOUND =
      System.getProperty("os.name").equals("Linux")
              && SystemCalls.class.getModule().isNativeAccessEnabled()
          ? find()
          : null;

  /// Why there are none; empty when there are.
  public static Optional<String> missing() {
    if (FOUND != null) {
      return Optional.empty();
    }
    return Optional.of(
        System.getProperty("os.name").equals("Linux")
            ? "the JVM was started without --enable-native-access=ALL-UNNAMED"
            : "only on Linux");
  }

  private static SystemCalls find() {
    return new SystemCalls(
        handle("mmap", FunctionDescriptor.of(LONG, LONG, LONG, INT, INT, INT, LONG)),
        handle("munmap", FunctionDescriptor.of(INT, LONG, LONG)),
        handle("madvise", FunctionDescriptor.of(INT, LONG, LONG, INT)),
        handle("mprotect", FunctionDescriptor.of(INT, LONG, LONG, INT)));
  }

  @SuppressWarnings("restricted") // The C library is native.
  private static MethodHandle handle(String name, FunctionDescriptor signature) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), signature);
  }

  /// Zeroed memory from a multiple of `alignment` on, which is a multiple of the page size; null
  /// where the system has none left.
  @SuppressWarnings("restricted") // An address becomes a segment.
  public @Nullable MemorySegment map(long bytes, long alignment, Arena arena) {
    long mapped = Math.ceilDiv(bytes, alignment) * alignment + alignment;
    try {
      long address =
          (long) mmap.invokeExact(0L, mapped, READ_AND_WRITE, PRIVATE_AND_ANONYMOUS, -1, 0L);
      if (address == -1) {
        return null;
      }
      long from = Math.ceilDiv(address, alignment) * alignment;
      return MemorySegment.ofAddress(from)
          .reinterpret(bytes, arena, memory -> unmap(address, mapped));
    } catch (Throwable e) {
      throw new IllegalStateException("mmap", e);
    }
  }

  /// Advises large pages for all of the memory, which ends with one; a system without them gives
  /// small ones.
  void preferLargePages(MemorySegment memory) {
    try {
      int ignored = (int) madvise.invokeExact(memory.address(), memory.byteSize(), HUGE_PAGE);
    } catch (Throwable e) {
      throw new IllegalStateException("madvise", e);
    }
  }

  /// Makes whole pages code, which nobody writes any more; false where the system refuses.
  public boolean makeExecutable(MemorySegment pages) {
    try {
      return (int) mprotect.invokeExact(pages.address(), pages.byteSize(), READ_AND_EXECUTE) == 0;
    } catch (Throwable e) {
      throw new IllegalStateException("mprotect", e);
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
