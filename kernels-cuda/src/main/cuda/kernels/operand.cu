// pack_rows      operand[t, c] = x[t, c]
// pack_activate_mul  operand[t, c] = activation(gate[t, c]) up[t, c]
// pack_weight    operand[first_row + r, c] = source[r, c]
// as operands of products, see operand.cuh.
// Shapes: x, gate, up [tokens, columns], source [rows, columns] dense, operand [chunks, rows, 64].
// A thread writes a piece of 8 columns of a row; pieces behind the last column are zeros.
// fp32 rounded to bf16 (to nearest, ties to even), weights copied; any shape.
// Precision: that of bf16. Determinism: no sums.
#include "math.cuh"
#include "operand.cuh"
#include "step.cuh"

namespace krait {

constexpr int kPieceThreads = 128;

struct PackRowsParams {
  Rows x;                  // [tokens, columns]
  unsigned char* operand;  // [chunks, operand_rows, 64]
  int operand_rows;
  int pieces;  // of a row
};

struct PackActivateMulParams {
  Rows gate;               // [tokens, columns]
  Rows up;                 // [tokens, columns]
  unsigned char* operand;  // [chunks, operand_rows, 64]
  int operand_rows;
  int pieces;  // of a row
  int activation;
};

struct PackWeightParams {
  const unsigned short* source;  // [rows, columns]
  unsigned char* operand;        // [chunks, operand_rows, 64]
  int first_row;
  int rows;
  int columns;
  int operand_rows;
  int pieces;  // of a row
};

// Writes the eight elements value(column) of this thread's piece.
template <typename Value>
__device__ inline void write_piece(unsigned char* operand, int operand_rows, int pieces,
                                   int columns, Value value) {
  const int piece = static_cast<int>(blockIdx.x) * kPieceThreads + static_cast<int>(threadIdx.x);
  const int token = static_cast<int>(blockIdx.y);
  if (piece >= pieces) {
    return;
  }
  unsigned int words[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int column = 8 * piece + 2 * i;
    words[i] = pack_pair(column < columns ? value(column) : 0.0f,
                         column + 1 < columns ? value(column + 1) : 0.0f);
  }
  *reinterpret_cast<uint4*>(operand + operand_offset(token, 8 * piece, operand_rows)) = {
      words[0], words[1], words[2], words[3]};
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kPieceThreads)
    pack_rows(const __grid_constant__ krait::PackRowsParams p) {
  krait::begin();
  const float* x = p.x.row(static_cast<int>(blockIdx.y));
  krait::write_piece(p.operand, p.operand_rows, p.pieces, p.x.columns,
                     [=](int column) { return x[column]; });
}
KRAIT_PARAMS(pack_rows, krait::PackRowsParams);

extern "C" __global__ void __launch_bounds__(krait::kPieceThreads)
    pack_activate_mul(const __grid_constant__ krait::PackActivateMulParams p) {
  krait::begin();
  const float* gate = p.gate.row(static_cast<int>(blockIdx.y));
  const float* up = p.up.row(static_cast<int>(blockIdx.y));
  const int activation = p.activation;
  krait::write_piece(p.operand, p.operand_rows, p.pieces, p.gate.columns, [=](int column) {
    return krait::activate(activation, gate[column]) * up[column];
  });
}
KRAIT_PARAMS(pack_activate_mul, krait::PackActivateMulParams);

extern "C" __global__ void __launch_bounds__(krait::kPieceThreads)
    pack_weight(const __grid_constant__ krait::PackWeightParams p) {
  krait::begin();
  const int piece = static_cast<int>(blockIdx.y * krait::kPieceThreads + threadIdx.x);
  if (piece >= p.pieces) {
    return;
  }
  for (int row = static_cast<int>(blockIdx.x); row < p.rows; row += static_cast<int>(gridDim.x)) {
    const unsigned short* from = p.source + static_cast<long long>(row) * p.columns;
    unsigned int words[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int column = 8 * piece + 2 * i;
      words[i] = (column < p.columns ? from[column] : 0u) |
                 (column + 1 < p.columns ? static_cast<unsigned int>(from[column + 1]) << 16 : 0u);
    }
    *reinterpret_cast<uint4*>(
        p.operand + krait::operand_offset(p.first_row + row, 8 * piece, p.operand_rows)) = {
        words[0], words[1], words[2], words[3]};
  }
}
KRAIT_PARAMS(pack_weight, krait::PackWeightParams);
KRAIT_CONSTANT(operand_piece_threads, krait::kPieceThreads);
KRAIT_CONSTANT(operand_piece_columns, krait::kPieceColumns);
KRAIT_CONSTANT(operand_chunk_columns, krait::kChunkColumns);
KRAIT_CONSTANT(operand_unit_columns, krait::kUnitColumns);
