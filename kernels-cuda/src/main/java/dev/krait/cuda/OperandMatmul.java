package dev.krait.cuda;

import dev.krait.cuda.ChainMatmul.Output;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Activation;
import dev.krait.tensor.Rows;

/// Products in the numeric mode `bf16`: activations that are not yet an operand are rounded to one,
/// then [ChainMatmul] multiplies.
final class OperandMatmul {
  /// Of activations rounded for one product: 2,048 tokens of 14,336 columns, more in turns.
  private static final int SCRATCH_BYTES = 64 << 20;

  private final ChainMatmul chain;
  private final Kernel packRows;
  private final Kernel packActivateMul;
  private final int pieceColumns;
  private final int pieceThreads;
  private final long scratch;

  OperandMatmul(CudaDevice device, ForcedKernels forced) {
    chain = new ChainMatmul(device, forced);
    KernelModule module = KernelModule.load(device, "operand");
    packRows = module.kernel("pack_rows");
    packActivateMul = module.kernel("pack_activate_mul");
    module.require("operand_chunk_columns", OperandBuffer.CHUNK_COLUMNS);
    module.require("operand_unit_columns", OperandBuffer.UNIT_COLUMNS);
    pieceColumns = module.constant("operand_piece_columns");
    pieceThreads = module.constant("operand_piece_threads");
    scratch = device.allocate(SCRATCH_BYTES);
  }

  /// `dst = x weight^T`; both fp32 rows, or x an operand.
  void launch(Rows dst, Rows x, CudaMatrix weight, int tokens) {
    if (x.buffer() instanceof OperandBuffer operand) {
      product(dst, 0, operand.address(), weight, tokens, false);
      return;
    }
    int most = tokensAtATime(x.columns());
    for (int first = 0; first < tokens; first += most) {
      int some = Math.min(most, tokens - first);
      packRows(x, first, some);
      product(dst, first, scratch, weight, some, false);
    }
  }

  /// Where another kernel may write the operand of the next [#launchWritten]; 0 when there is no
  /// room for so many tokens.
  long operandFor(int columns, int tokens) {
    return tokens <= tokensAtATime(columns) ? scratch : 0;
  }

  /// `dst = x weight^T` with x as it was written to [#operandFor].
  void launchWritten(Rows dst, CudaMatrix weight, int tokens) {
    product(dst, 0, scratch, weight, tokens, false);
  }

  /// `dst = silu(x gate^T) (x up^T)` for weights of gates and their partners; x an operand.
  ///
  /// @return false when dst is an operand whose padding the product would not write
  boolean launchGated(Rows dst, Rows x, CudaMatrix weight, int tokens) {
    int outputs = weight.rows() / 2;
    boolean packs = dst.buffer() instanceof OperandBuffer;
    if (!(x.buffer() instanceof OperandBuffer operand)
        || (packs && OperandBuffer.paddedColumns(outputs) != outputs)
        || outputs % 8 != 0) {
      return false;
    }
    product(dst, 0, operand.address(), weight, tokens, true);
    return true;
  }

  private void product(Rows dst, int first, long x, CudaMatrix weight, int tokens, boolean gated) {
    if (tokens == 0) {
      return;
    }
    if (dst.buffer() instanceof OperandBuffer packed) {
      chain.launch(packed.address(), Output.OPERAND, 0, x, weight, tokens, gated);
    } else {
      long to = Arguments.address(dst) + 4L * first * dst.stride();
      chain.launch(to, ChainMatmul.output(dst), dst.stride(), x, weight, tokens, gated);
    }
  }

  private static int tokensAtATime(int columns) {
    int padded = OperandBuffer.paddedColumns(columns);
    long spare = OperandBuffer.elements(0, columns);
    return (int) ((SCRATCH_BYTES / Short.BYTES - spare) / padded) / 128 * 128;
  }

  private void packRows(Rows x, int first, int tokens) {
    int pieces = OperandBuffer.paddedColumns(x.columns()) / pieceColumns;
    KernelParams params = packRows.params();
    params
        .pointer(Arguments.address(x) + 4L * first * x.stride())
        .integer(x.stride())
        .integer(x.columns())
        .pointer(scratch)
        .integer(OperandBuffer.paddedTokens(tokens))
        .integer(pieces);
    packRows.launch(Math.ceilDiv(pieces, pieceThreads), tokens, 1, pieceThreads, 0);
  }

  /// `dst = activation(gate) up` as an operand.
  void packActivateMul(OperandBuffer dst, Rows gate, Rows up, Activation activation, int tokens) {
    if (tokens == 0) {
      return;
    }
    int pieces = OperandBuffer.paddedColumns(gate.columns()) / pieceColumns;
    KernelParams params = packActivateMul.params();
    Arguments.put(params, gate);
    Arguments.put(params, up);
    params
        .pointer(dst.address())
        .integer(OperandBuffer.paddedTokens(tokens))
        .integer(pieces)
        .integer(Arguments.code(activation));
    packActivateMul.launch(Math.ceilDiv(pieces, pieceThreads), tokens, 1, pieceThreads, 0);
  }
}
