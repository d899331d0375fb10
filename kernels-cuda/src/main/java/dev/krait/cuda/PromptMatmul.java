package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.tensor.Rows;

/// Products of bf16 matrices with many tokens, by kernels/matmul_prompt.cu: the same bits as those
/// of kernels/matmul_packed.cu, and faster once there are blocks for about half of the device.
final class PromptMatmul {
  /// Of activations in parts: 2,688 tokens of 4,096 columns, 768 of 14,336.
  private static final int SCRATCH_BYTES = 64 << 20;

  /// Blocks for each multiprocessor, in hundredths, from which on this is faster (measured).
  private static final int MIN_BLOCKS = 45;

  /// Up to so many tokens a block of the other kernel has all of them.
  private static final int FEW_TOKENS = 64;

  private final int multiprocessors;
  private final Kernel split;
  private final Kernel matmul;
  private final Kernel gated;
  private final boolean forced;
  private final boolean gatedForced;
  private final int threads;

  /// Of a block.
  private final int blockTokens;

  private final int blockRows;

  /// Of a tile of activations in parts.
  private final int tileTokens;

  private final int tileBytes;
  private final long parts;

  PromptMatmul(CudaDevice device, ForcedKernels forcedKernels) {
    multiprocessors = device.multiprocessors();
    KernelModule module = KernelModule.load(device, "matmul_prompt");
    split = module.kernel("split_parts");
    matmul = module.kernel("matmul_prompt");
    gated = module.kernel("gated_prompt");
    forced = forcedKernels.has(matmul.name());
    gatedForced = forcedKernels.has(gated.name());
    threads = module.constant("matmul_prompt_threads");
    blockTokens = module.constant("matmul_prompt_tokens");
    blockRows = module.constant("matmul_prompt_rows");
    tileTokens = module.constant("split_parts_tokens");
    tileBytes = module.constant("split_parts_bytes");
    parts = device.allocate(SCRATCH_BYTES);
  }

  /// Whether this is the kernel to take.
  ///
  /// @param gates whether the first half of the rows gates the second
  /// @param othersForced whether one of the other kernels is forced
  boolean takes(CudaMatrix weight, int tokens, boolean gates, boolean othersForced) {
    if (tokensAtATime(weight) == 0 || othersForced) {
      return false;
    }
    return (gates ? gatedForced : forced) || pays(weight, tokens);
  }

  /// True where this is the faster kernel.
  private boolean pays(CudaMatrix weight, int tokens) {
    long blocks = (long) Math.ceilDiv(tokens, blockTokens) * Math.ceilDiv(weight.rows(), blockRows);
    return tokens > FEW_TOKENS && 100 * blocks >= (long) MIN_BLOCKS * multiprocessors;
  }

  private static int columnTiles(CudaMatrix weight) {
    return weight.paddedColumns() / MatrixUploader.TILE;
  }

  /// As many as the scratch memory has room for.
  private int tokensAtATime(CudaMatrix weight) {
    int tokenTiles = SCRATCH_BYTES / tileBytes / columnTiles(weight);
    return tokenTiles * tileTokens / blockTokens * blockTokens;
  }

  /// @param gates whether the first half of the rows gates the second
  void launch(Rows dst, Rows x, CudaMatrix weight, int tokens, boolean gates) {
    int most = tokensAtATime(weight);
    for (int first = 0; first < tokens; first += most) {
      launch(dst, x, weight, first, Math.min(most, tokens - first), gates);
    }
  }

  private void launch(Rows dst, Rows x, CudaMatrix weight, int first, int tokens, boolean gates) {
    int columnTiles = columnTiles(weight);
    int blocks = Math.ceilDiv(tokens, blockTokens);
    int tokenTiles = blocks * blockTokens / tileTokens;
    putFrom(split.params(), x, first)
        .pointer(parts)
        .integer(weight.columns())
        .integer(tokens)
        .integer(tokenTiles);
    split.launch(Math.ceilDiv(columnTiles, threads / 32), tokenTiles, 1, threads, 0);
    Kernel kernel = gates ? gated : matmul;
    putFrom(kernel.params(), dst, first)
        .pointer(weight.address())
        .pointer(parts)
        .integer(gates ? weight.rows() / 2 : weight.rows())
        .integer(columnTiles)
        .integer(tokenTiles)
        .integer(tokens);
    kernel.launch(blocks, Math.ceilDiv(weight.rows(), blockRows), 1, threads, 0);
  }

  private static KernelParams putFrom(KernelParams params, Rows rows, int first) {
    return params
        .pointer(Arguments.address(rows) + 4L * first * rows.stride())
        .integer(rows.stride())
        .integer(rows.columns());
  }
}
