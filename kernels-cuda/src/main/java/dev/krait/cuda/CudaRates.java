package dev.krait.cuda;

import dev.krait.backend.MachineRates;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;

/// Measures a device's [MachineRates] by kernels/rates.cu.
final class CudaRates {
  private static final long MOST_BYTES = 4L << 30;
  private static final int WORD_BYTES = 16;
  private static final int THREADS = 512;
  private static final int BLOCKS_PER_MULTIPROCESSOR = 4;
  private static final int CHAINS = 16;
  private static final int ROUNDS = 1 << 15;
  private static final int WARM_UPS = 2;
  private static final int TRIES = 10;

  private CudaRates() {}

  /// The best of several tries; takes up to 4 GiB of device memory until the device is closed.
  static MachineRates measure(CudaDevice device) {
    KernelModule module = KernelModule.load(device, "rates");
    int blocks = BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors();
    long stride = 4L * blocks * THREADS * WORD_BYTES;
    long bytes = Math.min(MOST_BYTES, device.freeBytes() / 2) / stride * stride;
    long words = device.allocate(bytes);
    long sink = device.allocate(Float.BYTES);
    Kernel read = module.kernel("read_words");
    double readSeconds =
        best(
            device,
            () -> {
              read.params().pointer(words).pointer(sink).pointer(bytes / WORD_BYTES);
              read.launch(blocks, 1, 1, THREADS, 0);
            });
    Kernel multiplyAdd = module.kernel("multiply_add");
    double flopSeconds =
        best(
            device,
            () -> {
              multiplyAdd.params().pointer(sink).integer(ROUNDS);
              multiplyAdd.launch(blocks, 1, 1, THREADS, 0);
            });
    double flops = 2.0 * CHAINS * ROUNDS * THREADS * blocks;
    return new MachineRates(bytes / readSeconds, flops / flopSeconds);
  }

  private static double best(CudaDevice device, Runnable launch) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < WARM_UPS + TRIES; i++) {
      device.synchronize();
      long start = System.nanoTime();
      launch.run();
      device.synchronize();
      best = i < WARM_UPS ? best : Math.min(best, System.nanoTime() - start);
    }
    return best / 1e9;
  }
}
