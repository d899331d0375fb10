// Packed bf16 matrices: tiles of 16 rows and 16 columns in the order in which the lanes of a warp
// take them as the A operand of mma.m16n8k16, so that a tile is one contiguous 512 bytes and a
// lane's part of it 16. Tiles lie [row tiles, column tiles]; rows and columns behind the end are
// zeros.
#pragma once

namespace krait {

constexpr int kTileRows = 16;
constexpr int kTileColumns = 16;
constexpr int kTileElements = kTileRows * kTileColumns;
constexpr int kLaneElements = kTileElements / 32;

// Where element [row, column] lies. Lane 4 g + t of a warp has rows g and g + 8, columns 2 t, 2 t +
// 1 and 8 further, in the order [column half, row half, column].
__host__ __device__ inline long long packed_index(int row, int column, int column_tiles) {
  const long long tile =
      static_cast<long long>(row / kTileRows) * column_tiles + column / kTileColumns;
  const int lane = row % 8 * 4 + column % 8 / 2;
  const int pair = column % kTileColumns / 8 * 2 + row % kTileRows / 8;
  return tile * kTileElements + lane * kLaneElements + pair * 2 + column % 2;
}

}  // namespace krait
