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

  /// The same for rows that are not there.
  static void putNone(KernelParams params) {
    params.pointer(0).integer(0).integer(0);
  }
}
