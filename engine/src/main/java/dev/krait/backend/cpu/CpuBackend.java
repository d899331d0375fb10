package dev.krait.backend.cpu;

import dev.krait.backend.Backend;
import dev.krait.backend.HostBuffer;
import dev.krait.backend.NumericMode;
import dev.krait.backend.Ops;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.PagedMemory;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.backend.cpu.matmul.MatrixPacker;
import dev.krait.error.EngineException;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;

/// The processor's cores and vector units. Weights lie off-heap as [WeightMatrix], activations and
/// caches in the heap; both are one owner's, who calls from one thread at a time.
///
/// An idle backend uses no CPU: its workers park.
public final class CpuBackend implements Backend {
  private final Arena arena = Arena.ofShared();
  private final PagedMemory weights = new PagedMemory(arena);
  private final WorkerPool pool;
  private final CpuOps ops;

  private CpuBackend(int threads) {
    pool = new WorkerPool(threads);
    ops = new CpuOps(pool, arena);
  }

  /// A backend on all processors that the JVM may use.
  public static CpuBackend open() {
    return open(Runtime.getRuntime().availableProcessors());
  }

  /// A backend on the calling thread and `threads - 1` workers.
  ///
  /// @throws EngineException INVALID_ARGUMENT below one thread
  public static CpuBackend open(int threads) {
    if (threads < 1) {
      throw EngineException.invalidArgument("threads", threads, "1 or more");
    }
    return new CpuBackend(threads);
  }

  @Override
  public String name() {
    return "cpu";
  }

  /// Threads that compute, the caller's included.
  public int threads() {
    return pool.threads();
  }

  /// Threads, vector width and kernels, such as `cpu: 2 threads, 256-bit vectors, products in
  /// machine code`, and why slower code or memory was taken where it was.
  @Override
  public String describe() {
    return "cpu: "
        + threads()
        + (threads() == 1 ? " thread, " : " threads, ")
        + Lanes.FLOATS.vectorBitSize()
        + "-bit vectors, "
        + ops.describeProducts()
        + weights.smallPages().map(why -> ", weights in small pages (" + why + ")").orElse("");
  }

  @Override
  public NumericMode numericMode() {
    return NumericMode.EXACT;
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public Buffer allocate(DType type, long elements) {
    return HostBuffer.allocate(type, elements);
  }

  @Override
  public boolean supports(StoredMatrix matrix) {
    return numericMode().fits(matrix);
  }

  @Override
  public WeightMatrix upload(StoredMatrix matrix) {
    requireSupported(matrix);
    return switch (matrix) {
      case StoredMatrix.Dense dense -> MatrixPacker.pack(dense, weights, pool);
    };
  }

  @Override
  public void close() {
    pool.close();
    arena.close();
  }
}
