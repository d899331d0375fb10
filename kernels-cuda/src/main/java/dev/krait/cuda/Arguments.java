package dev.krait.cuda;

import dev.krait.cuda.driver.DeviceBuffer;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Activation;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;

/// Writes what operations are given as kernels take it.
final class Arguments {
  private Arguments() {}

  /// Address of a buffer of this backend.
  static long address(Buffer buffer) {
    if (buffer instanceof DeviceBuffer own) {
      return own.address();
    }
    throw new IllegalArgumentException(
        "buffer: " + buffer.getClass().getSimpleName() + " (expected: a DeviceBuffer)");
  }

  /// An activation as math.cuh numbers it.
  static int code(Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case SIGMOID -> 1;
      case SILU -> 2;
      case RELU -> 3;
      case SQUARED_RELU -> 4;
      case GELU -> 5;
    };
  }

  /// Address of the first element of rows of floats.
  static long address(Rows rows) {
    if (rows.dtype() != DType.F32) {
      throw new IllegalArgumentException("rows of " + rows.dtype() + " (expected: F32)");
    }
    return address(rows.buffer()) + (long) rows.dtype().bytes() * rows.offset();
  }

  /// The fields of `Rows` in step.cuh.
  static void put(KernelParams params, Rows rows) {
    params.pointer(address(rows)).integer(rows.stride()).integer(rows.columns());
  }

  /// The fields of `Rows` in step.cuh for rows that may be an operand, which has no stride.
  ///
  /// @return rows of the operand, 0 for fp32 rows
  static int putMaybeOperand(KernelParams params, Rows rows, int tokens) {
    if (rows.buffer() instanceof OperandBuffer operand) {
      params.pointer(operand.address()).integer(0).integer(rows.columns());
      return OperandBuffer.paddedTokens(tokens);
    }
    put(params, rows);
    return 0;
  }

  /// The same for rows that are not there.
  static void putNone(KernelParams params) {
    params.pointer(0).integer(0).integer(0);
  }
}
