package dev.krait.backend.cpu.machine;

import dev.krait.backend.MachineRates;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/// Measures the processors' [MachineRates].
public final class ProcessorRates {
  private static final long READ_BYTES = 512L << 20;
  private static final int READ_CHUNK_BYTES = 1 << 20;

  /// Memory that was never written may be one page of zeros, however long it is.
  private static final byte FILLED = 1;

  private static final int FMA_ROUNDS = 20_000;
  private static final int FMA_CHUNKS_PER_THREAD = 64;
  private static final int FMA_CHAINS = 12;
  private static final int WARM_UPS = 3;
  private static final int TRIES = 8;

  private ProcessorRates() {}

  /// Measures with the given number of threads for about two seconds; the best of several tries
  /// counts. Takes half a gigabyte of memory outside the heap for that time.
  public static MachineRates measure(int threads) {
    try (WorkerPool pool = new WorkerPool(threads);
        Arena arena = Arena.ofShared()) {
      Probe probe =
          new Probe(new PagedMemory(arena).allocate(READ_BYTES, Lanes.BYTES).fill(FILLED));
      int chunks = (int) (READ_BYTES / READ_CHUNK_BYTES);
      double readSeconds = best(pool, probe::read, chunks);
      int fmaChunks = FMA_CHUNKS_PER_THREAD * threads;
      double fmaSeconds = best(pool, probe::multiplyAdd, fmaChunks);
      double flops = 2.0 * FMA_ROUNDS * FMA_CHAINS * Lanes.COUNT * fmaChunks;
      return new MachineRates(READ_BYTES / readSeconds, flops / fmaSeconds);
    }
  }

  private static double best(WorkerPool pool, WorkerPool.Task task, int items) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < WARM_UPS + TRIES; i++) {
      long start = System.nanoTime();
      pool.parallelFor(task, items, 1);
      if (i >= WARM_UPS) {
        best = Math.min(best, System.nanoTime() - start);
      }
    }
    return best / 1e9;
  }

  private static final class Probe {
    private final MemorySegment memory;

    /// Keeps the results from being optimised away.
    @SuppressWarnings("UnusedVariable")
    private volatile float sink;

    Probe(MemorySegment memory) {
      this.memory = memory;
    }

    void read(int worker, int first, int end) {
      for (int chunk = first; chunk < end; chunk++) {
        sink = readChunk((long) chunk * READ_CHUNK_BYTES);
      }
    }

    private int readChunk(long from) {
      IntVector a = IntVector.zero(Lanes.INTS);
      IntVector b = a;
      IntVector c = a;
      IntVector d = a;
      for (int i = 0; i < READ_CHUNK_BYTES; i += 4 * Lanes.BYTES) {
        a = a.add(load(from + i));
        b = b.add(load(from + i + Lanes.BYTES));
        c = c.add(load(from + i + 2L * Lanes.BYTES));
        d = d.add(load(from + i + 3L * Lanes.BYTES));
      }
      return a.add(b).add(c.add(d)).lane(0);
    }

    private IntVector load(long at) {
      return IntVector.fromMemorySegment(Lanes.INTS, memory, at, ByteOrder.nativeOrder());
    }

    void multiplyAdd(int worker, int first, int end) {
      for (int chunk = first; chunk < end; chunk++) {
        sink = multiplyAddChunk();
      }
    }

    private static float multiplyAddChunk() {
      FloatVector m = FloatVector.broadcast(Lanes.FLOATS, 0.999f);
      FloatVector c = FloatVector.broadcast(Lanes.FLOATS, 0.001f);
      FloatVector a0 = m;
      FloatVector a1 = c;
      FloatVector a2 = m;
      FloatVector a3 = c;
      FloatVector a4 = m;
      FloatVector a5 = c;
      FloatVector a6 = m;
      FloatVector a7 = c;
      FloatVector a8 = m;
      FloatVector a9 = c;
      FloatVector a10 = m;
      FloatVector a11 = c;
      for (int i = 0; i < FMA_ROUNDS; i++) {
        a0 = a0.fma(m, c);
        a1 = a1.fma(m, c);
        a2 = a2.fma(m, c);
        a3 = a3.fma(m, c);
        a4 = a4.fma(m, c);
        a5 = a5.fma(m, c);
        a6 = a6.fma(m, c);
        a7 = a7.fma(m, c);
        a8 = a8.fma(m, c);
        a9 = a9.fma(m, c);
        a10 = a10.fma(m, c);
        a11 = a11.fma(m, c);
      }
      FloatVector low = a0.add(a1).add(a2).add(a3).add(a4).add(a5);
      return low.add(a6).add(a7).add(a8).add(a9).add(a10).add(a11).lane(0);
    }
  }
}
