// target[packed(first_row + r, c)] = source[r, c] of a bf16 matrix, see packed.cuh.
// Shapes: source [rows, columns] dense, target [row tiles, column tiles, 256] zeroed before.
// A thread copies two columns of a row.
// bf16; any shape.
// Precision: a copy. Determinism: a copy.
#include "packed.cuh"
#include "step.cuh"

namespace krait {

constexpr int kPackThreads = 256;

struct PackParams {
  const unsigned short* source;
  unsigned short* target;
  int first_row;
  int rows;
  int columns;
  int column_tiles;
};

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kPackThreads)
    pack(const __grid_constant__ krait::PackParams p) {
  krait::begin();
  const int column = 2 * static_cast<int>(blockIdx.y * krait::kPackThreads + threadIdx.x);
  if (column >= p.columns) {
    return;
  }
  for (int row = static_cast<int>(blockIdx.x); row < p.rows; row += static_cast<int>(gridDim.x)) {
    const unsigned short* from = p.source + static_cast<long long>(row) * p.columns + column;
    unsigned short* to = p.target + krait::packed_index(p.first_row + row, column, p.column_tiles);
    to[0] = from[0];
    if (column + 1 < p.columns) {
      to[1] = from[1];
    }
  }
}
KRAIT_PARAMS(pack, krait::PackParams);
KRAIT_CONSTANT(pack_threads, krait::kPackThreads);
KRAIT_CONSTANT(pack_tile_rows, krait::kTileRows);
KRAIT_CONSTANT(pack_tile_columns, krait::kTileColumns);
