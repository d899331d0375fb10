package dev.krait.cuda.driver;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// `cuLaunchKernelEx`, which JCuda 12.6 lacks, through the foreign-function API; layouts and
/// numbers are those of cuda.h, 64 bits.
final class ExtendedLaunch {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  /// `CUlaunchConfig`: grid and block, shared bytes, stream, attributes, their number.
  private static final long CONFIG_BYTES = 56;

  private static final long SHARED_AT = 24;
  private static final long STREAM_AT = 32;
  private static final long ATTRIBUTES_AT = 40;
  private static final long COUNT_AT = 48;

  /// `CUlaunchAttribute`: number, padding, a union of 64 bytes.
  private static final long ATTRIBUTE_BYTES = 72;

  private static final long VALUE_AT = 8;

  /// `CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION`: the kernel may be resident before the
  /// one before it has ended.
  private static final int PROGRAMMATIC_STREAM_SERIALIZATION = 6;

  private final MethodHandle call;
  private final MemorySegment config;

  /// For launches on one stream, from one thread at a time.
  ///
  /// @param overlaps whether kernels may be resident before the one before has ended
  /// @param arena keeps the library and the structs
  @SuppressWarnings("restricted") // The driver is a native library.
  ExtendedLaunch(long stream, boolean overlaps, Arena arena) {
    MemorySegment function =
        SymbolLookup.libraryLookup(CudaDevice.LIBRARY, arena).findOrThrow("cuLaunchKernelEx");
    call =
        Linker.nativeLinker()
            .downcallHandle(
                function, FunctionDescriptor.of(INT, POINTER, POINTER, POINTER, POINTER));
    MemorySegment attribute = arena.allocate(ATTRIBUTE_BYTES, 8);
    attribute.set(INT, 0, PROGRAMMATIC_STREAM_SERIALIZATION);
    attribute.set(INT, VALUE_AT, 1);
    config = arena.allocate(CONFIG_BYTES, 8);
    config.set(POINTER, STREAM_AT, MemorySegment.ofAddress(stream));
    config.set(POINTER, ATTRIBUTES_AT, attribute);
    config.set(INT, COUNT_AT, overlaps ? 1 : 0);
  }

  /// Launches `[x, y, z]` blocks.
  ///
  /// @param function the kernel
  /// @param arguments pointers to the kernel's arguments
  /// @return the driver's result, 0 for success
  int run(
      MemorySegment function,
      MemorySegment arguments,
      int x,
      int y,
      int z,
      int threads,
      int sharedBytes) {
    config.set(INT, 0, x);
    config.set(INT, 4, y);
    config.set(INT, 8, z);
    config.set(INT, 12, threads);
    config.set(INT, 16, 1);
    config.set(INT, 20, 1);
    config.set(INT, SHARED_AT, sharedBytes);
    try {
      return (int) call.invokeExact(config, function, arguments, MemorySegment.NULL);
    } catch (Throwable impossible) {
      throw new IllegalStateException("cuLaunchKernelEx", impossible);
    }
  }
}
