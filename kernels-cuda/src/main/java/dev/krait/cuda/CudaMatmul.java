package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;

/// Matrix products: bf16 by kernels/matmul_packed.cu on tensor cores, or [PromptMatmul] for many
/// tokens, other types by kernels/matmul.cu.
final class CudaMatmul {
  /// With fewer rows kernels/matmul.cu has too few warps to hide the latency of their loads: those
  /// of a block then share the columns. Only the shape of a weight may decide that, since it orders
  /// the sums.
  private static final int SHARED_BELOW_ROWS = 1024;

  /// Of a block of kernels/matmul.cu.
  private static final int WARPS = 8;

  private static final int PACKED_THREADS = 512;

  private final PromptMatmul prompt;
  private final Variants packed;
  private final Variants lone;
  private final Variants gated;
  private final Variants half;
  private final Variants halfShared;
  private final Variants full;
  private final Variants fullShared;

  /// One kernel for each number of tokens that a block takes at most.
  private static final class Variants {
    /// Ascending.
    final int[] tokens;

    /// Rows that a block computes.
    final int[] rows;

    final Kernel[] kernels;

    /// Threads of a block.
    final int threads;

    Variants(int[] tokens, int[] rows, Kernel[] kernels, int threads) {
      this.tokens = tokens;
      this.rows = rows;
      this.kernels = kernels;
      this.threads = threads;
    }

    /// The same with another kernel for the fewest tokens.
    Variants withFirst(Kernel first) {
      Kernel[] others = kernels.clone();
      others[0] = first;
      return new Variants(tokens, rows, others, threads);
    }

    int index(int needed) {
      int index = 0;
      while (index + 1 < tokens.length && tokens[index] < needed) {
        index++;
      }
      return index;
    }
  }

  /// Rows up to which no multiprocessor has two blocks of a product.
  private final int loneRows;

  CudaMatmul(CudaDevice device) {
    prompt = new PromptMatmul(device);
    KernelModule module = KernelModule.load(device, "matmul_packed");
    packed = packed(module, "matmul_packed_t", new int[] {16, 16, 32, 32});
    lone = packed.withFirst(module.kernel("matmul_lone_t8"));
    loneRows = device.multiprocessors() * MatrixUploader.TILE;
    gated = packed(module, "gated_packed_t", new int[] {16, 16, 16, 16});
    module = KernelModule.load(device, "matmul");
    half = unpacked(module, "f16", false);
    halfShared = unpacked(module, "f16", true);
    full = unpacked(module, "f32", false);
    fullShared = unpacked(module, "f32", true);
  }

  private static Variants packed(KernelModule module, String name, int[] rows) {
    int[] tokens = {8, 16, 32, 64};
    Kernel[] kernels = new Kernel[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      kernels[i] = module.kernel(name + tokens[i]);
    }
    return new Variants(tokens, rows, kernels, PACKED_THREADS);
  }

  private static Variants unpacked(KernelModule module, String type, boolean shared) {
    int[] tokens = {1, 2, 4, 8};
    int[] rows = {2, 2, 4, 4};
    Kernel[] kernels = new Kernel[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      kernels[i] = module.kernel("matmul_" + type + "_t" + tokens[i] + (shared ? "_shared" : ""));
      rows[i] *= shared ? 1 : WARPS;
    }
    return new Variants(tokens, rows, kernels, 32 * WARPS);
  }

  private Variants variants(CudaMatrix weight) {
    boolean shares = weight.rows() < SHARED_BELOW_ROWS;
    return switch (weight.dtype()) {
      case BF16 -> weight.rows() <= loneRows ? lone : packed;
      case F16 -> shares ? halfShared : half;
      case F32 -> shares ? fullShared : full;
      case F64, I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException("weights: " + weight.dtype());
    };
  }

  /// A product whose first half of rows gates the second, where the kernels can do both at once.
  ///
  /// @return false when they cannot
  boolean launchGated(Rows dst, Rows x, CudaMatrix weight, int tokens) {
    if (weight.dtype() != DType.BF16 || weight.rows() % (2 * MatrixUploader.TILE) != 0) {
      return false;
    }
    if (prompt.pays(weight, tokens)) {
      prompt.launch(dst, x, weight, tokens, true);
    } else {
      launch(dst, x, weight, weight.rows() / 2, tokens, gated);
    }
    return true;
  }

  void launch(Rows dst, Rows x, CudaMatrix weight, int tokens) {
    if (weight.dtype() == DType.BF16 && prompt.pays(weight, tokens)) {
      prompt.launch(dst, x, weight, tokens, false);
    } else {
      launch(dst, x, weight, weight.rows(), tokens, variants(weight));
    }
  }

  private static void launch(
      Rows dst, Rows x, CudaMatrix weight, int rows, int tokens, Variants variants) {
    if (tokens == 0) {
      return;
    }
    int index = variants.index(tokens);
    Kernel kernel = variants.kernels[index];
    boolean packs = weight.dtype() == DType.BF16;
    int unit = packs ? 2 : 4;
    boolean aligned = Arguments.address(x) % (4L * unit) == 0 && x.stride() % unit == 0;
    KernelParams params = kernel.params();
    Arguments.put(params, dst);
    Arguments.put(params, x);
    params
        .pointer(weight.address())
        .integer(rows)
        .integer(weight.columns())
        .integer(packs ? weight.paddedColumns() / MatrixUploader.TILE : weight.paddedColumns())
        .integer(tokens)
        .integer(aligned ? 1 : 0);
    kernel.launch(
        Math.ceilDiv(tokens, variants.tokens[index]),
        Math.ceilDiv(rows, variants.rows[index]),
        1,
        variants.threads,
        0);
  }
}
