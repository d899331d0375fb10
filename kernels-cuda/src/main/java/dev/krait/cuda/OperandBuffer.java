package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;

/// Activations as bf16 operands of products, laid out as operand.cuh says for the tokens of the
/// step: `[chunks of 64 columns, tokens padded to 8, 64]`. Products alone read it.
final class OperandBuffer implements Buffer {
  /// Columns of a chunk.
  static final int CHUNK_COLUMNS = 64;

  /// Kernels take up to four chunks at a time.
  static final int UNIT_COLUMNS = 4 * CHUNK_COLUMNS;

  /// Tokens of the largest tile: where fewer are left, what lies behind them is read, too.
  private static final int TILE_TOKENS = 128;

  private final long address;
  private final long elements;

  private OperandBuffer(long address, long elements) {
    this.address = address;
    this.elements = elements;
  }

  /// Takes memory for some tokens, at most, of some columns.
  static OperandBuffer allocate(CudaDevice device, int maxTokens, int columns) {
    long elements = elements(maxTokens, columns);
    return new OperandBuffer(device.allocate(elements * Short.BYTES), elements);
  }

  /// Elements of an operand, with the room that tiles read behind it.
  static long elements(int tokens, int columns) {
    return (long) paddedTokens(tokens) * paddedColumns(columns)
        + (long) TILE_TOKENS * CHUNK_COLUMNS;
  }

  static int paddedColumns(int columns) {
    return Math.ceilDiv(columns, UNIT_COLUMNS) * UNIT_COLUMNS;
  }

  static int paddedTokens(int tokens) {
    return Math.ceilDiv(tokens, 8) * 8;
  }

  long address() {
    return address;
  }

  @Override
  public DType dtype() {
    return DType.BF16;
  }

  @Override
  public long elements() {
    return elements;
  }

  @Override
  public void read(long offset, float[] target) {
    throw new IllegalStateException("operand: read (expected: products alone read it)");
  }

  @Override
  public void write(long offset, float[] source) {
    throw new IllegalStateException("operand: written by the host (expected: by operations)");
  }

  @Override
  public void copy(long from, long to, long count) {
    throw new IllegalStateException("operand: copied (expected: products alone read it)");
  }
}
