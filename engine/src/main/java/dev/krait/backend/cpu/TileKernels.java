package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.SystemCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Inner loops of the matrix product with bf16 weights in machine code, for x86-64 with AVX2 on
/// Linux.
///
/// Java has no instruction that asks for memory without waiting for it. A load that waits stops the
/// core a few hundred instructions later, so that a loop with much arithmetic for every byte reads
/// and computes in turns. These loops prefetch (ADR-0011). Sums are those of the loops in Java, bit
/// for bit: one chain of fused multiply-adds over the columns for every output.
final class TileKernels {
  /// Most tokens of a kernel.
  static final int MOST_TOKENS = 6;

  /// Bytes of the sums of any kernel.
  static final int MOST_SUMS_BYTES = TileKernelCode.MOST_SUMS * TileKernelCode.VECTOR_BYTES;

  private static final int ALIGNMENT_BYTES = 64;
  private static final int PAGE_BYTES = 4096;

  /// The kernels of each number of tokens from one on, of one tile and of most. Plain addresses: a
  /// call would count the users of a segment that belongs to an arena, which two threads do at the
  /// price of a tile.
  private final MemorySegment[] oneTile;

  private final MemorySegment[] mostTiles;

  private TileKernels(MemorySegment[] oneTile, MemorySegment[] mostTiles) {
    this.oneTile = oneTile;
    this.mostTiles = mostTiles;
  }

  /// The kernels, or why there are none.
  ///
  /// @param kernels to be used while the arena lives; null on other machines, without native
  ///   access, and where the system forbids a program to write code
  /// @param missing the reason, for people; empty when there are kernels
  record Opened(@Nullable TileKernels kernels, String missing) {}

  /// Opens the kernels where this machine can run them.
  static Opened open(Arena arena) {
    SystemCalls system = SystemCalls.FOUND;
    if (system == null) {
      return new Opened(null, SystemCalls.missing().orElseThrow());
    }
    if (Lanes.BYTES != TileKernelCode.VECTOR_BYTES) {
      return new Opened(null, "the faster ones are for vectors of 256 bits");
    }
    if (!hasInstructions()) {
      return new Opened(null, "no processor with AVX2 and FMA");
    }
    byte[][] codes = new byte[2 * MOST_TOKENS][];
    long bytes = 0;
    for (int i = 0; i < codes.length; i++) {
      int tokens = i % MOST_TOKENS + 1;
      codes[i] = TileKernelCode.of(tokens, i < MOST_TOKENS ? 1 : TileKernelCode.mostTiles(tokens));
      bytes += aligned(codes[i].length);
    }
    MemorySegment pages = system.map(bytes, PAGE_BYTES, arena);
    if (pages == null) {
      return new Opened(null, "the system gave no memory for it");
    }
    MemorySegment[] kernels = new MemorySegment[codes.length];
    long at = 0;
    for (int i = 0; i < codes.length; i++) {
      MemorySegment.copy(codes[i], 0, pages, ValueLayout.JAVA_BYTE, at, codes[i].length);
      kernels[i] = MemorySegment.ofAddress(pages.address() + at);
      at += aligned(codes[i].length);
    }
    if (!system.makeExecutable(pages)) {
      return new Opened(null, "the system forbids a program to write code");
    }
    return new Opened(
        new TileKernels(
            Arrays.copyOf(kernels, MOST_TOKENS),
            Arrays.copyOfRange(kernels, MOST_TOKENS, codes.length)),
        "");
  }

  private static long aligned(int bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT_BYTES) * (long) ALIGNMENT_BYTES;
  }

  /// Asks the processor, since 256 bits can be set where it has fewer.
  private static boolean hasInstructions() {
    if (!System.getProperty("os.arch").equals("amd64")) {
      return false;
    }
    try {
      List<String> words = List.of(Files.readString(Path.of("/proc/cpuinfo")).split("\\s+"));
      return words.contains("avx2") && words.contains("fma");
    } catch (IOException e) {
      return false;
    }
  }

  /// Multiplies a tile by up to [#MOST_TOKENS] tokens. Arguments are addresses and bytes.
  ///
  /// @param x `[tokens, columns + TileKernelCode.ROW_PADDING]` floats
  /// @param sums receives `[tokens, tile rows]` floats
  void multiply(int tokens, long weights, long x, long columns, long sums) {
    call(oneTile[tokens - 1], weights, 0, x, columns, sums);
  }

  /// Multiplies [TileKernelCode#mostTiles] tiles, which lie `stride` apart.
  ///
  /// @param sums receives `[tiles, tokens, tile rows]` floats
  void multiplyMost(int tokens, long weights, long stride, long x, long columns, long sums) {
    call(mostTiles[tokens - 1], weights, stride, x, columns, sums);
  }

  private static void call(
      MemorySegment kernel, long weights, long stride, long x, long columns, long sums) {
    try {
      Call.HANDLE.invokeExact(kernel, weights, stride, x, columns, sums);
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
