// bf16 operands of products, weights and activations alike: [chunks, rows, 64], a chunk being 64
// columns. The eight 16-byte pieces of a row of a chunk are exchanged so that neighbouring rows
// have theirs in different banks: wgmma (128-byte swizzle) and ldmatrix read a copied tile as it
// lies. Columns behind the last are zeros.
#pragma once

#include <cuda_bf16.h>

#include "step.cuh"

namespace krait {

constexpr int kChunkColumns = 64;
constexpr int kChunkBytes = 128;                 // of a row
constexpr int kPieceColumns = 8;                 // of 16 bytes
constexpr int kUnitColumns = 4 * kChunkColumns;  // kernels take four chunks at a time at most

// Columns with the zeros behind them.
__host__ __device__ inline int padded_columns(int columns) {
  return (columns + kUnitColumns - 1) / kUnitColumns * kUnitColumns;
}

// Byte offset of element [row, column] of an operand of so many rows.
__host__ __device__ inline long long operand_offset(int row, int column, int rows) {
  const int piece = (column / 8 % 8) ^ (row % 8);
  return (static_cast<long long>(column / kChunkColumns) * rows + row) * kChunkBytes + piece * 16 +
         column % 8 * 2;
}

// Stores an element of `dst`, which is an operand of `operand_rows` rows unless that is 0.
__device__ inline void store(const Rows& dst, int operand_rows, int token, int column, float v) {
  if (operand_rows == 0) {
    dst.row(token)[column] = v;
    return;
  }
  unsigned char* operand = reinterpret_cast<unsigned char*>(dst.data);
  *reinterpret_cast<__nv_bfloat16*>(operand + operand_offset(token, column, operand_rows)) =
      __float2bfloat16_rn(v);
}

// Columns that kernels write: with the zeros behind the last one of an operand.
__device__ inline int written_columns(const Rows& dst, int operand_rows) {
  return operand_rows == 0 ? dst.columns : padded_columns(dst.columns);
}

// Two neighbouring elements as they lie.
__device__ inline unsigned int pack_pair(float first, float second) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  return *reinterpret_cast<const unsigned int*>(&pair);
}

}  // namespace krait
