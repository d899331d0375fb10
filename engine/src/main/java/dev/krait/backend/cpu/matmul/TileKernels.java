package dev.krait.backend.cpu.matmul;

import dev.krait.backend.cpu.machine.SystemCalls;
import dev.krait.error.EngineException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The kernels of one vector width in executable memory, for x86-64 with AVX2 or AVX-512 on Linux.
///
/// Java has no instruction that asks for memory without waiting for it. A load that waits stops the
/// core a few hundred instructions later, so that a loop with much arithmetic for every byte reads
/// and computes in turns. These loops prefetch (ADR-0011, ADR-0016).
final class TileKernels {
  /// `false` lets products run on the Vector API, for tests and for comparing.
  private static final String SWITCH = "krait.machine-code";

  private static final int ALIGNMENT_BYTES = 64;
  private static final int PAGE_BYTES = 4096;

  private final int vectorBytes;

  /// By tokens - 1, each of one tile and of most.
  private final Map<TileFormat, TileKernel[][]> kernels;

  private TileKernels(int vectorBytes, Map<TileFormat, TileKernel[][]> kernels) {
    this.vectorBytes = vectorBytes;
    this.kernels = kernels;
  }

  /// The kernels, or why there are none.
  ///
  /// @param kernels to be used while the arena lives; null where this machine or this process takes
  ///   none
  /// @param missing the reason, for people; empty when there are kernels
  record Opened(@Nullable TileKernels kernels, String missing) {
    static Opened refused(String why) {
      return new Opened(null, why);
    }
  }

  /// Opens the kernels where this machine can run them.
  static Opened open(Arena arena, int vectorBytes) {
    if (isSwitchedOff(System.getProperty(SWITCH, "true"))) {
      return Opened.refused(SWITCH + " is false");
    }
    if (!System.getProperty("os.name").equals("Linux")
        || !System.getProperty("os.arch").equals("amd64")) {
      return Opened.refused("machine code is for Linux on x86-64");
    }
    SystemCalls system = SystemCalls.FOUND;
    if (system == null) {
      return Opened.refused(SystemCalls.missing().orElseThrow());
    }
    String missing = missingInstructions(vectorBytes, processors());
    return missing.isEmpty() ? write(system, arena, vectorBytes) : Opened.refused(missing);
  }

  static boolean isSwitchedOff(String value) {
    if (!Set.of("true", "false").contains(value)) {
      throw EngineException.invalidArgument(SWITCH, value, "true or false");
    }
    return value.equals("false");
  }

  /// What Linux says of the processors: vectors can be set wider than they have them.
  private static String processors() {
    try {
      return Files.readString(Path.of("/proc/cpuinfo"));
    } catch (IOException unknown) {
      return "";
    }
  }

  /// Why code of this width does not run on such processors; empty when it does.
  static String missingInstructions(int vectorBytes, String processors) {
    if (vectorBytes != Assembler.YMM_BYTES && vectorBytes != Assembler.ZMM_BYTES) {
      return "machine code is for vectors of 256 and 512 bits";
    }
    List<String> needed = new ArrayList<>(List.of("avx2", "fma", "f16c"));
    if (vectorBytes == Assembler.ZMM_BYTES) {
      needed.add("avx512f");
    }
    needed.removeAll(List.of(processors.split("\\s+")));
    return needed.isEmpty() ? "" : "the processor has no " + String.join(", ", needed);
  }

  private static Opened write(SystemCalls system, Arena arena, int vectorBytes) {
    List<byte[]> codes = new ArrayList<>();
    int maxTokens = TileCode.maxTokens(vectorBytes);
    long bytes = 0;
    for (TileFormat format : TileFormat.values()) {
      for (int tokens = 1; tokens <= maxTokens; tokens++) {
        for (int tiles : new int[] {1, TileCode.maxTiles(vectorBytes, tokens)}) {
          byte[] code = new TileCode(format, vectorBytes, tokens, tiles).write();
          codes.add(code);
          bytes += aligned(code.length);
        }
      }
    }
    MemorySegment pages = system.map(bytes, PAGE_BYTES, arena);
    if (pages == null) {
      return Opened.refused("the system gave no memory for machine code");
    }
    Iterator<TileKernel> placed = place(codes, pages).iterator();
    Map<TileFormat, TileKernel[][]> kernels = new EnumMap<>(TileFormat.class);
    for (TileFormat format : TileFormat.values()) {
      TileKernel[][] all = new TileKernel[maxTokens][];
      for (int i = 0; i < maxTokens; i++) {
        all[i] = new TileKernel[] {placed.next(), placed.next()};
      }
      kernels.put(format, all);
    }
    return system.makeExecutable(pages)
        ? new Opened(new TileKernels(vectorBytes, kernels), "")
        : Opened.refused("the system forbids a program to write code");
  }

  private static List<TileKernel> place(List<byte[]> codes, MemorySegment pages) {
    List<TileKernel> placed = new ArrayList<>();
    long at = 0;
    for (byte[] code : codes) {
      MemorySegment.copy(code, 0, pages, ValueLayout.JAVA_BYTE, at, code.length);
      placed.add(new TileKernel(MemorySegment.ofAddress(pages.address() + at)));
      at += aligned(code.length);
    }
    return placed;
  }

  private static long aligned(int bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT_BYTES) * (long) ALIGNMENT_BYTES;
  }

  int maxTokens() {
    return TileCode.maxTokens(vectorBytes);
  }

  int maxTiles(int tokens) {
    return TileCode.maxTiles(vectorBytes, tokens);
  }

  /// The kernel of so many tokens by one tile, or by [#maxTiles].
  TileKernel of(TileFormat format, int tokens, int tiles) {
    return Objects.requireNonNull(kernels.get(format))[tokens - 1][tiles == 1 ? 0 : 1];
  }
}
