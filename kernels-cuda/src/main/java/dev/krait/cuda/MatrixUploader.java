package dev.krait.cuda;

import dev.krait.backend.RowBlocks;
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

  private final CudaDevice device;
  private final Kernel pack;
  private final ByteBuffer bytes;
  private final MemorySegment host;
  private final long piece;

  MatrixUploader(CudaDevice device) {
    this.device = device;
    pack = KernelModule.load(device, "pack").kernel("pack");
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
    DType dtype = blocks.computed();
    boolean packs = dtype == DType.BF16;
    int rows = packs ? Math.ceilDiv(blocks.rows(), TILE) * TILE : blocks.rows();
    int unit = packs ? TILE : LANE_COLUMNS;
    int columns = Math.ceilDiv(blocks.columns(), unit) * unit;
    long address = device.allocate((long) rows * columns * dtype.bytes());
    return new CudaMatrix(address, blocks.rows(), blocks.columns(), rows, columns, dtype);
  }

  private void copy(Tensor block, CudaMatrix matrix, int firstRow) {
    boolean packs = matrix.dtype() == DType.BF16;
    int columns = packs ? matrix.columns() : matrix.paddedColumns();
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
      if (packs) {
        device.writeLater(piece, bytes, some * rowBytes);
        pack.params()
            .pointer(piece)
            .pointer(matrix.address())
            .integer(firstRow + row)
            .integer(some)
            .integer(columns)
            .integer(matrix.paddedColumns() / TILE);
        int threads = Math.ceilDiv(columns, 2);
        pack.launch(
            Math.min(some, PACK_BLOCKS), Math.ceilDiv(threads, PACK_THREADS), 1, PACK_THREADS, 0);
      } else {
        long to = matrix.address() + (firstRow + row) * rowBytes;
        device.writeLater(to, bytes, some * rowBytes);
      }
      device.synchronize();
    }
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
