package dev.krait.cuda;

import dev.krait.backend.NumericMode;
import dev.krait.backend.RowBlocks;
import dev.krait.cuda.CudaMatrix.Layout;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.List;

/// Brings weight matrices to the device, through pinned memory and piece by piece.
final class MatrixUploader {
  /// Columns and rows of a tile in packed.cuh.
  static final int TILE = 16;

  /// Columns that a lane of kernels/matmul.cu takes.
  private static final int LANE_COLUMNS = 8;

  private static final int PIECE_BYTES = 32 << 20;
  private static final int PACK_THREADS = 256;
  private static final int PACK_BLOCKS = 4096;
  private static final int PIECE_COLUMNS = 8;
  private static final int PIECE_THREADS = 128;

  private final CudaDevice device;
  private final NumericMode mode;
  private final Kernel pack;
  private final Kernel packWeight;
  private final ByteBuffer bytes;
  private final MemorySegment host;
  private final long piece;

  MatrixUploader(CudaDevice device, NumericMode mode) {
    this.device = device;
    this.mode = mode;
    pack = KernelModule.load(device, "pack").kernel("pack");
    packWeight = KernelModule.load(device, "operand").kernel("pack_weight");
    bytes = device.allocatePinned(PIECE_BYTES);
    host = MemorySegment.ofBuffer(bytes);
    piece = device.allocate(PIECE_BYTES);
  }

  /// Stacks blocks of rows of one float type; fp64 is narrowed to fp32.
  CudaMatrix upload(List<Tensor> rowBlocks) {
    RowBlocks checked = RowBlocks.of(rowBlocks);
    CudaMatrix matrix = allocate(checked);
    int row = 0;
    for (Tensor block : checked.blocks()) {
      copy(block, matrix, row);
      row += Math.toIntExact(block.shape().dim(0));
    }
    return matrix;
  }

  private CudaMatrix allocate(RowBlocks blocks) {
    Layout layout = layout(blocks.computed());
    int rows =
        switch (layout) {
          case ROWS -> blocks.rows();
          case TILES -> padded(blocks.rows(), TILE);
          case OPERAND -> padded(blocks.rows(), 8);
        };
    int columns =
        switch (layout) {
          case ROWS -> padded(blocks.columns(), LANE_COLUMNS);
          case TILES -> padded(blocks.columns(), TILE);
          case OPERAND -> OperandBuffer.paddedColumns(blocks.columns());
        };
    DType dtype = blocks.computed();
    long address = device.allocate((long) rows * columns * dtype.bytes());
    return new CudaMatrix(address, layout, blocks.rows(), blocks.columns(), rows, columns, dtype);
  }

  private Layout layout(DType dtype) {
    mode.requireFits(dtype);
    return switch (mode) {
      case EXACT -> dtype == DType.BF16 ? Layout.TILES : Layout.ROWS;
      case BF16 -> Layout.OPERAND;
    };
  }

  private static int padded(int count, int unit) {
    return Math.ceilDiv(count, unit) * unit;
  }

  private void copy(Tensor block, CudaMatrix matrix, int firstRow) {
    boolean dense = matrix.layout() == Layout.ROWS;
    int columns = dense ? matrix.paddedColumns() : matrix.columns();
    long rowBytes = (long) columns * matrix.dtype().bytes();
    int fitting = Math.toIntExact(PIECE_BYTES / rowBytes);
    if (fitting == 0) {
      throw new IllegalArgumentException(
          "columns: " + columns + " (expected: rows of at most " + PIECE_BYTES + " bytes)");
    }
    int count = Math.toIntExact(block.shape().dim(0));
    for (int row = 0; row < count; row += fitting) {
      int some = Math.min(fitting, count - row);
      stage(block, row, some, matrix, rowBytes);
      long to = dense ? matrix.address() + (firstRow + row) * rowBytes : piece;
      device.writeLater(to, bytes, some * rowBytes);
      switch (matrix.layout()) {
        case ROWS -> {}
        case TILES -> packTiles(matrix, firstRow + row, some);
        case OPERAND -> packOperand(matrix, firstRow + row, some);
      }
      device.synchronize();
    }
  }

  private void packTiles(CudaMatrix matrix, int firstRow, int rows) {
    pack.params()
        .pointer(piece)
        .pointer(matrix.address())
        .integer(firstRow)
        .integer(rows)
        .integer(matrix.columns())
        .integer(matrix.paddedColumns() / TILE);
    int blocks = Math.ceilDiv(Math.ceilDiv(matrix.columns(), 2), PACK_THREADS);
    pack.launch(Math.min(rows, PACK_BLOCKS), blocks, 1, PACK_THREADS, 0);
  }

  private void packOperand(CudaMatrix matrix, int firstRow, int rows) {
    int pieces = matrix.paddedColumns() / PIECE_COLUMNS;
    packWeight
        .params()
        .pointer(piece)
        .pointer(matrix.address())
        .integer(firstRow)
        .integer(rows)
        .integer(matrix.columns())
        .integer(matrix.paddedRows())
        .integer(pieces);
    int blocks = Math.ceilDiv(pieces, PIECE_THREADS);
    packWeight.launch(Math.min(rows, PACK_BLOCKS), blocks, 1, PIECE_THREADS, 0);
  }

  /// Copies rows to the pinned memory, in the matrix's type and with zeros behind the last column.
  private void stage(Tensor block, int first, int count, CudaMatrix matrix, long rowBytes) {
    int columns = matrix.columns();
    long sourceBytes = (long) columns * block.dtype().bytes();
    if (block.dtype() == matrix.dtype() && rowBytes == sourceBytes) {
      MemorySegment.copy(block.data(), first * sourceBytes, host, 0, count * rowBytes);
      return;
    }
    host.asSlice(0, count * rowBytes).fill((byte) 0);
    for (int row = 0; row < count; row++) {
      if (block.dtype() == matrix.dtype()) {
        long from = (first + row) * sourceBytes;
        MemorySegment.copy(block.data(), from, host, row * rowBytes, sourceBytes);
      } else {
        for (int i = 0; i < columns; i++) {
          float value = block.floatAt((long) (first + row) * columns + i);
          host.set(ValueLayout.JAVA_FLOAT_UNALIGNED, row * rowBytes + 4L * i, value);
        }
      }
    }
  }
}
