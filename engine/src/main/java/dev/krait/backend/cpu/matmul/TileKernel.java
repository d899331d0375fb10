package dev.krait.backend.cpu.matmul;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Machine code of [TileCode] at an address.
///
/// @param code a plain address: a call would count the users of a segment that belongs to an arena,
///   which two threads do at the price of a tile
record TileKernel(MemorySegment code) {
  /// Arguments are addresses and bytes, which nothing checks.
  ///
  /// @param stride bytes from one tile to the next
  /// @param x `[tokens, columns + TileCode.ROW_PADDING]` floats
  /// @param sums receives `[tiles, tokens, tile rows]` floats
  void multiply(long weights, long stride, long x, long columns, long sums) {
    try {
      Call.HANDLE.invokeExact(code, weights, stride, x, columns, sums);
    } catch (Throwable e) {
      throw new IllegalStateException("matrix kernel", e);
    }
  }

  /// A call of code at an address, a constant so that it is compiled into its callers. It does not
  /// tell the JVM, so that collections of garbage wait for it: a tile takes microseconds.
  private static final class Call {
    private static final ValueLayout WORD = ValueLayout.JAVA_LONG;

    @SuppressWarnings("restricted") // Machine code is native.
    static final MethodHandle HANDLE =
        Linker.nativeLinker()
            .downcallHandle(
                FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD),
                Linker.Option.critical(false));
  }
}
