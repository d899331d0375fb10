// bf16 operands of products, weights and activations alike: [chunks, rows, 64], a chunk being 64
// columns. The eight 16-byte pieces of a row of a chunk are exchanged so that neighbouring rows
// have theirs in different banks: wgmma (128-byte swizzle) and ldmatrix read a copied tile as it
// lies. Columns behind the last are zeros.
#pragma once

#include <cuda_bf16.h>

namespace krait {

constexpr int kChunkColumns = 64;
constexpr int kChunkBytes = 128;  // of a row

// Columns with the zeros behind them: kernels take four chunks at a time at most.
__host__ __device__ inline int padded_columns(int columns) {
  constexpr int kUnit = 4 * kChunkColumns;
  return (columns + kUnit - 1) / kUnit * kUnit;
}

// Byte offset of element [row, column] of an operand of so many rows.
__host__ __device__ inline long long operand_offset(int row, int column, int rows) {
  const int piece = (column / 8 % 8) ^ (row % 8);
  return (static_cast<long long>(column / kChunkColumns) * rows + row) * kChunkBytes + piece * 16 +
         column % 8 * 2;
}

// Two neighbouring elements as they lie.
__device__ inline unsigned int pack_pair(float first, float second) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  return *reinterpret_cast<const unsigned int*>(&pair);
}

}  // namespace krait
