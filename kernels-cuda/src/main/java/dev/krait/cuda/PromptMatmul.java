package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.tensor.Rows;

/// Products of bf16 matrices with many tokens, by kernels/matmul_prompt.cu: the same bits as those
/// of kernels/matmul_packed.cu, and faster once there are blocks for about half of the device.
final class PromptMatmul {
  /// Tokens and rows of a block.
  private static final int BLOCK = 128;

  private static final int TOKEN_TILE = 8;
  private static final int THREADS = 256;
  private static final int WARPS = THREADS / 32;

  /// Three bf16 numbers for each activation of a tile of tokens and columns.
  private static final int PARTS_BYTES = 3 * TOKEN_TILE * MatrixUploader.TILE * Short.BYTES;

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
  private final long parts;

  PromptMatmul(CudaDevice device) {
    multiprocessors = device.multiprocessors();
    KernelModule module = KernelModule.load(device, "matmul_prompt");
    split = module.kernel("split_parts");
    matmul = module.kernel("matmul_prompt");
    gated = module.kernel("gated_prompt");
    parts = device.allocate(SCRATCH_BYTES);
  }

  /// True where this is the faster kernel.
  boolean pays(CudaMatrix weight, int tokens) {
    long blocks = (long) Math.ceilDiv(tokens, BLOCK) * Math.ceilDiv(weight.rows(), BLOCK);
    return tokens > FEW_TOKENS
        && tokensAtATime(weight) > 0
        && 100 * blocks >= (long) MIN_BLOCKS * multiprocessors;
  }

  private static int columnTiles(CudaMatrix weight) {
    return weight.paddedColumns() / MatrixUploader.TILE;
  }

  /// As many as the scratch memory has room for.
  private static int tokensAtATime(CudaMatrix weight) {
    int tokenTiles = SCRATCH_BYTES / PARTS_BYTES / columnTiles(weight);
    return tokenTiles * TOKEN_TILE / BLOCK * BLOCK;
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
    int blocks = Math.ceilDiv(tokens, BLOCK);
    int tokenTiles = blocks * BLOCK / TOKEN_TILE;
    putFrom(split.params(), x, first)
        .pointer(parts)
        .integer(weight.columns())
        .integer(tokens)
        .integer(tokenTiles);
    split.launch(Math.ceilDiv(columnTiles, WARPS), tokenTiles, 1, THREADS, 0);
    Kernel kernel = gates ? gated : matmul;
    putFrom(kernel.params(), dst, first)
        .pointer(weight.address())
        .pointer(parts)
        .integer(gates ? weight.rows() / 2 : weight.rows())
        .integer(columnTiles)
        .integer(tokenTiles)
        .integer(tokens);
    kernel.launch(blocks, Math.ceilDiv(weight.rows(), BLOCK), 1, THREADS, 0);
  }

  private static KernelParams putFrom(KernelParams params, Rows rows, int first) {
    return params
        .pointer(Arguments.address(rows) + 4L * first * rows.stride())
        .integer(rows.stride())
        .integer(rows.columns());
  }
}
