package dev.krait.cuda;

import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;

/// Convolutions by kernels/causal_conv.cu.
final class CudaConvolution {
  private final Kernel shortRuns;
  private final Kernel longRuns;
  private final int threads;

  /// Threads that share a long run.
  private final int lanes;

  private final int maxWidth;

  CudaConvolution(CudaDevice device) {
    KernelModule module = KernelModule.load(device, "causal_conv");
    shortRuns = module.kernel("causal_conv");
    longRuns = module.kernel("causal_conv_long");
    threads = module.constant("causal_conv_threads");
    lanes = module.constant("causal_conv_lanes");
    maxWidth = module.constant("causal_conv_most_width");
  }

  /// @param operand where the result goes as an operand, too; 0 for nowhere
  void launch(CausalConvArgs args, CudaStep step, long operand) {
    if (step.sequences == 0) {
      return;
    }
    if (args.width() > maxWidth) {
      throw new IllegalArgumentException(
          "convWidth: " + args.width() + " (expected: at most " + maxWidth + ")");
    }
    // From two tokens a lane on, in the mean, a single thread for each source would be waited for.
    boolean isLong = step.tokens > 2 * lanes * step.sequences;
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
    int blocks = Math.ceilDiv(args.x().columns(), threads);
    kernel.launch(blocks, step.sequences, 1, isLong ? lanes * threads : threads, 0);
  }
}
