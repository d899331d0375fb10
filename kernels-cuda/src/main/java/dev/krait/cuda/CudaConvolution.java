package dev.krait.cuda;

import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;

/// Convolutions by kernels/causal_conv.cu.
final class CudaConvolution {
  private static final int THREADS = 64;
  private static final int LANES = 16;

  /// Tokens of a sequence, in the mean, from which on a thread for each source would be waited for.
  private static final int LONG_RUN_TOKENS = 2 * LANES;

  private static final int MOST_WIDTH = 8;

  private final Kernel shortRuns;
  private final Kernel longRuns;

  CudaConvolution(CudaDevice device) {
    KernelModule module = KernelModule.load(device, "causal_conv");
    shortRuns = module.kernel("causal_conv");
    longRuns = module.kernel("causal_conv_long");
  }

  /// @param operand where the result goes as an operand, too; 0 for nowhere
  void launch(CausalConvArgs args, CudaStep step, long operand) {
    if (step.sequences == 0) {
      return;
    }
    if (args.width() > MOST_WIDTH) {
      throw new IllegalArgumentException(
          "convWidth: " + args.width() + " (expected: at most " + MOST_WIDTH + ")");
    }
    boolean isLong = step.tokens > LONG_RUN_TOKENS * step.sequences;
    Kernel kernel = isLong ? longRuns : shortRuns;
    KernelParams params = kernel.params();
    Arguments.put(params, args.dst());
    Arguments.put(params, args.x());
    step.put(params);
    params
        .pointer(Arguments.address(args.taps()))
        .pointer(Arguments.address(args.bias()))
        .pointer(Arguments.address(args.cache().convRing()))
        .integer(args.cache().ringTokens())
        .integer(args.groupWidth())
        .integer(args.repeat())
        .integer(args.width())
        .integer(Arguments.code(args.activation()))
        .pointer(operand)
        .integer(OperandBuffer.paddedTokens(step.tokens))
        .align();
    int blocks = Math.ceilDiv(args.x().columns(), THREADS);
    int threads = isLong ? LANES * THREADS : THREADS;
    kernel.launch(blocks, step.sequences, 1, threads, 0);
  }
}
