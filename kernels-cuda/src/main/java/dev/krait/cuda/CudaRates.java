package dev.krait.cuda;

import dev.krait.backend.MachineRates;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;

/// Measures a device's [MachineRates] by kernels/rates.cu.
final class CudaRates {
  /// Launching takes a few thousandths of the time that reading so much does.
  private static final long MAX_BYTES = 16L << 30;

  private static final int WORD_BYTES = 16;

  /// Threads that a multiprocessor holds, in blocks of each of these sizes: which reads fastest
  /// differs by device.
  private static final int RESIDENT_THREADS = 2048;

  private static final int[] READ_THREADS = {1024, 512, 256};

  /// A few milliseconds.
  private static final int ROUNDS = 1 << 12;

  private static final int WARM_UPS = 2;
  private static final int TRIES = 10;

  private CudaRates() {}

  /// The best of several tries and grids; takes up to 16 GiB of device memory for that time.
  static MachineRates measure(CudaDevice device) {
    KernelModule module = KernelModule.load(device, "rates");
    long bytes = Math.min(MAX_BYTES, device.freeBytes() / 2) / WORD_BYTES * WORD_BYTES;
    long words = device.allocate(bytes);
    long sink = device.allocate(Float.BYTES);
    Kernel read = module.kernel("read_words");
    double readSeconds = Double.POSITIVE_INFINITY;
    for (int size : READ_THREADS) {
      int grid = RESIDENT_THREADS / size * device.multiprocessors();
      Runnable launch =
          () -> {
            read.params().pointer(words).pointer(sink).pointer(bytes / WORD_BYTES);
            read.launch(grid, 1, 1, size, 0);
          };
      readSeconds = Math.min(readSeconds, best(device, launch));
    }
    device.free(words);
    Kernel multiply = module.kernel("multiply_tiles");
    int threads = module.constant("multiply_tiles_threads");
    int blocks = device.multiprocessors();
    double productSeconds =
        best(
            device,
            () -> {
              multiply.params().pointer(sink).integer(ROUNDS).align();
              multiply.launch(blocks, 1, 1, threads, 0);
            });
    double flops = (double) module.constant("multiply_tiles_flops") * ROUNDS * blocks;
    return new MachineRates(bytes / readSeconds, flops / productSeconds);
  }

  /// As a graph, which is how steps run.
  private static double best(CudaDevice device, Runnable launch) {
    long best = Long.MAX_VALUE;
    try (CudaDevice.Graph graph = device.capture(launch)) {
      for (int i = 0; i < WARM_UPS + TRIES; i++) {
        device.synchronize();
        long start = System.nanoTime();
        graph.launch();
        device.synchronize();
        best = i < WARM_UPS ? best : Math.min(best, System.nanoTime() - start);
      }
    }
    return best / 1e9;
  }
}
