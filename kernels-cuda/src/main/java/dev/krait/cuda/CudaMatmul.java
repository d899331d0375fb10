package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import java.util.List;
import java.util.stream.Stream;

/// Matrix products: bf16 by kernels/matmul_packed.cu on tensor cores, or [PromptMatmul] for many
/// tokens, other types by kernels/matmul.cu.
final class CudaMatmul {
  /// With fewer rows kernels/matmul.cu has too few warps to hide the latency of their loads: those
  /// of a block then share the columns. Only the shape of a weight may decide that, since it orders
  /// the sums.
  private static final int SHARED_BELOW_ROWS = 1024;

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

    /// Of the kernel that is taken for any number of tokens; -1 for none.
    final int forced;

    Variants(KernelModule module, String threads, List<String> names, ForcedKernels forcedKernels) {
      this.threads = module.constant(threads);
      int count = names.size();
      tokens = new int[count];
      rows = new int[count];
      kernels = new Kernel[count];
      int found = -1;
      for (int i = 0; i < count; i++) {
        String name = names.get(i);
        kernels[i] = module.kernel(name);
        tokens[i] = module.constant(name + "_tokens");
        rows[i] = module.constant(name + "_rows");
        found = forcedKernels.has(name) ? i : found;
      }
      forced = found;
    }

    boolean isForced() {
      return forced >= 0;
    }

    int index(int needed) {
      if (isForced()) {
        return forced;
      }
      int index = 0;
      while (index + 1 < tokens.length && tokens[index] < needed) {
        index++;
      }
      return index;
    }
  }

  /// Rows up to which no multiprocessor has two blocks of a product.
  private final int loneRows;

  CudaMatmul(CudaDevice device, ForcedKernels forced) {
    prompt = new PromptMatmul(device, forced);
    KernelModule module = KernelModule.load(device, "matmul_packed");
    packed = packed(module, forced, "matmul_packed_t8", "matmul_packed_t");
    lone = packed(module, forced, "matmul_lone_t8", "matmul_packed_t");
    loneRows = device.multiprocessors() * MatrixUploader.TILE;
    gated = packed(module, forced, "gated_packed_t8", "gated_packed_t");
    module = KernelModule.load(device, "matmul");
    module.require("matmul_lane_columns", MatrixUploader.LANE_COLUMNS);
    half = unpacked(module, forced, "f16", "");
    halfShared = unpacked(module, forced, "f16", "_shared");
    full = unpacked(module, forced, "f32", "");
    fullShared = unpacked(module, forced, "f32", "_shared");
  }

  private static Variants packed(
      KernelModule module, ForcedKernels forced, String first, String others) {
    List<String> names = List.of(first, others + 16, others + 32, others + 64);
    return new Variants(module, "matmul_packed_threads", names, forced);
  }

  private static Variants unpacked(
      KernelModule module, ForcedKernels forced, String type, String ending) {
    List<String> names =
        Stream.of(1, 2, 4, 8).map(t -> "matmul_" + type + "_t" + t + ending).toList();
    return new Variants(module, "matmul_threads", names, forced);
  }

  private Variants variants(CudaMatrix weight) {
    boolean shares = weight.rows() < SHARED_BELOW_ROWS;
    return switch (weight.dtype()) {
      case BF16 -> takesLone(weight) ? lone : packed;
      case F16 -> shares ? halfShared : half;
      case F32 -> shares ? fullShared : full;
      case F64, I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException("weights: " + weight.dtype());
    };
  }

  private boolean takesLone(CudaMatrix weight) {
    return lone.isForced() || (weight.rows() <= loneRows && !packed.isForced());
  }

  /// A product whose first half of rows gates the second, where the kernels can do both at once.
  ///
  /// @return false when they cannot
  boolean launchGated(Rows dst, Rows x, CudaMatrix weight, int tokens) {
    if (weight.dtype() != DType.BF16 || weight.rows() % (2 * MatrixUploader.TILE) != 0) {
      return false;
    }
    if (prompt.takes(weight, tokens, true, gated.isForced())) {
      prompt.launch(dst, x, weight, tokens, true);
    } else {
      launch(dst, x, weight, weight.rows() / 2, tokens, gated);
    }
    return true;
  }

  void launch(Rows dst, Rows x, CudaMatrix weight, int tokens) {
    if (weight.dtype() == DType.BF16
        && prompt.takes(weight, tokens, false, packed.isForced() || lone.isForced())) {
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
