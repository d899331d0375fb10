package dev.krait.cuda;

import dev.krait.backend.NumericMode;
import dev.krait.cuda.CudaMatrix.Layout;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.tensor.DType;
import dev.krait.tensor.StoredMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/// Brings weight matrices to the device, through pinned memory and piece by piece.
final class MatrixUploader {
  /// Columns and rows of a tile in packed.cuh.
  static final int TILE = 16;

  /// Columns that a lane of kernels/matmul.cu takes.
  static final int LANE_COLUMNS = 8;

  private static final int PIECE_BYTES = 32 << 20;
  private static final int PACK_BLOCKS = 4096;

  private final CudaDevice device;
  private final NumericMode mode;
  private final Kernel pack;
  private final Kernel packWeight;
  private final int packThreads;
  private final int pieceColumns;
  private final int pieceThreads;
  private final ByteBuffer bytes;
  private final MemorySegment host;
  private final long piece;

  MatrixUploader(CudaDevice device, NumericMode mode) {
    this.device = device;
    this.mode = mode;
    KernelModule tiles = KernelModule.load(device, "pack");
    tiles.require("pack_tile_rows", TILE);
    tiles.require("pack_tile_columns", TILE);
    pack = tiles.kernel("pack");
    packThreads = tiles.constant("pack_threads");
    KernelModule operands = KernelModule.load(device, "operand");
    packWeight = operands.kernel("pack_weight");
    pieceColumns = operands.constant("operand_piece_columns");
    pieceThreads = operands.constant("operand_piece_threads");
    bytes = device.allocatePinned(PIECE_BYTES);
    host = MemorySegment.ofBuffer(bytes);
    piece = device.allocate(PIECE_BYTES);
  }

  CudaMatrix upload(StoredMatrix.Dense stored) {
    CudaMatrix matrix = allocate(stored);
    boolean dense = matrix.layout() == Layout.ROWS;
    int columns = dense ? matrix.paddedColumns() : matrix.columns();
    long rowBytes = (long) columns * matrix.dtype().bytes();
    int fitting = Math.toIntExact(PIECE_BYTES / rowBytes);
    if (fitting == 0) {
      throw new IllegalArgumentException(
          "columns: " + columns + " (expected: rows of at most " + PIECE_BYTES + " bytes)");
    }
    for (int row = 0; row < matrix.rows(); row += fitting) {
      int some = Math.min(fitting, matrix.rows() - row);
      stage(stored, row, some, rowBytes);
      device.writeLater(dense ? matrix.address() + row * rowBytes : piece, bytes, some * rowBytes);
      switch (matrix.layout()) {
        case ROWS -> {}
        case TILES -> packTiles(matrix, row, some);
        case OPERAND -> packOperand(matrix, row, some);
      }
      device.synchronize();
    }
    return matrix;
  }

  private CudaMatrix allocate(StoredMatrix.Dense stored) {
    Layout layout = layout(stored.dtype());
    int rows =
        switch (layout) {
          case ROWS -> stored.rows();
          case TILES -> padded(stored.rows(), TILE);
          case OPERAND -> padded(stored.rows(), 8);
        };
    int columns =
        switch (layout) {
          case ROWS -> padded(stored.columns(), LANE_COLUMNS);
          case TILES -> padded(stored.columns(), TILE);
          case OPERAND -> OperandBuffer.paddedColumns(stored.columns());
        };
    DType dtype = stored.dtype();
    long address = device.allocate((long) rows * columns * dtype.bytes());
    return new CudaMatrix(address, layout, stored.rows(), stored.columns(), rows, columns, dtype);
  }

  private Layout layout(DType dtype) {
    return switch (mode) {
      case EXACT -> dtype == DType.BF16 ? Layout.TILES : Layout.ROWS;
      case BF16 -> Layout.OPERAND;
    };
  }

  private static int padded(int count, int unit) {
    return Math.ceilDiv(count, unit) * unit;
  }

  private void packTiles(CudaMatrix matrix, int firstRow, int rows) {
    pack.params()
        .pointer(piece)
        .pointer(matrix.address())
        .integer(firstRow)
        .integer(rows)
        .integer(matrix.columns())
        .integer(matrix.paddedColumns() / TILE);
    int blocks = Math.ceilDiv(Math.ceilDiv(matrix.columns(), 2), packThreads);
    pack.launch(Math.min(rows, PACK_BLOCKS), blocks, 1, packThreads, 0);
  }

  private void packOperand(CudaMatrix matrix, int firstRow, int rows) {
    int pieces = matrix.paddedColumns() / pieceColumns;
    packWeight
        .params()
        .pointer(piece)
        .pointer(matrix.address())
        .integer(firstRow)
        .integer(rows)
        .integer(matrix.columns())
        .integer(matrix.paddedRows())
        .integer(pieces);
    int blocks = Math.ceilDiv(pieces, pieceThreads);
    packWeight.launch(Math.min(rows, PACK_BLOCKS), blocks, 1, pieceThreads, 0);
  }

  /// Copies rows to the pinned memory, with zeros behind the last column.
  private void stage(StoredMatrix.Dense stored, int first, int count, long rowBytes) {
    if (rowBytes > (long) stored.columns() * stored.dtype().bytes()) {
      host.asSlice(0, count * rowBytes).fill((byte) 0);
    }
    for (int row = 0; row < count; row++) {
      stored.readRow(first + row, host, row * rowBytes);
    }
  }
}
