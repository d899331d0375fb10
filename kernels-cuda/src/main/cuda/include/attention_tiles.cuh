// Tiles of keys and values in shared memory, and what blocks of attention kernels do with them.
#pragma once

#include "attention.cuh"
#include "mma.cuh"

namespace krait {

// Shared memory of rows of kDim elements and of keys and values of a tile. Rows of 16-byte pieces
// are apart so that the same piece of eight of them lies in different banks.
template <int kDim>
struct HeadTile {
  static constexpr bool kSwizzled = kDim % 64 == 0;
  static constexpr int kRowBytes = kSwizzled ? 2 * kDim : 2 * kDim + 16;
  static constexpr int kKeyBytes = 2 * kDim * kTilePositions;
  static constexpr int kBytes = kKeyBytes + kRowBytes * kTilePositions;
  // One where two would not fit the 99 KB of sm_86.
  static constexpr int kStages = kDim <= 128 ? 2 : 1;

  __device__ static unsigned int at(int row, int piece) {
    return row * kRowBytes + (kSwizzled ? piece ^ (row % 8) : piece) * 16;
  }
  // For a lane that reads row `lane % 16` of 16, and of two pieces the first or the second: what
  // depends on the lane is computed once, whatever the pieces.
  __device__ static unsigned int lane_row() { return threadIdx.x % 16 * kRowBytes; }
  __device__ static unsigned int lane_piece() {
    return (threadIdx.x % 32 / 16 ^ (kSwizzled ? threadIdx.x % 8 : 0)) * 16;
  }
  __device__ static unsigned int piece_pair(unsigned int first, unsigned int lane_piece) {
    return kSwizzled ? first * 16 ^ lane_piece : first * 16 + lane_piece;
  }
  // Keys lie [groups of 16 positions, kDim, 16].
  __device__ static unsigned int key_at(int group, int element, int half) {
    return (group * kDim + element) * 32 + (half ^ (element / 4 % 2)) * 16;
  }
};

// The same number, unknown to the compiler, lest it keeps what follows from it from tile to tile.
__device__ inline int computed_anew(int v) {
  int same;
  asm volatile("mov.u32 %0, %1;" : "=r"(same) : "r"(v));
  return same;
}

// Starts copies of a tile; positions that no row of the block sees become zeros, for values what is
// left there could be no number.
template <int kDim, int kWarps>
__device__ inline void copy_tile(const AttendTilesParams& p, const AttendWork& w, int tile,
                                 unsigned int to) {
  using Tile = HeadTile<kDim>;
  const int lane = computed_anew(threadIdx.x % 32);
  // A group of positions has one warp or several.
  constexpr int kShare = kWarps / kTileGroups;
  const int group = static_cast<int>(threadIdx.x / 32) % kTileGroups;
  const int part = static_cast<int>(threadIdx.x / 32) / kTileGroups;
  const int first = lane / 2 + 16 * part;  // element of keys
  const int position = tile * kTilePositions + group * kGroupPositions;
  const bool any = position <= w.high && position + kGroupPositions > w.low;
  const int block = any ? p.step.block(w.tile.sequence, position, p.block_tokens) : 0;
  const int in_block = any ? position % p.block_tokens : 0;
  const long long head = static_cast<long long>(block) * p.kv_heads + w.kv_head;
  const __nv_bfloat16* from = p.keys + head * p.head_dim * p.block_tokens + in_block +
                              first * p.block_tokens + lane % 2 * 8;
  unsigned int at = to + Tile::key_at(group, first, lane % 2);
#pragma unroll 1
  for (int element = first; element < kDim; element += 16 * kShare) {
    const bool wanted = any && element < p.head_dim;
    copy_piece(at, wanted ? from : p.keys, wanted);
    from += 16 * kShare * p.block_tokens;
    at += 16 * kShare * 32;
  }
  from = p.values + (head * p.block_tokens + in_block) * p.head_dim;
  at = to + Tile::kKeyBytes + group * kGroupPositions * Tile::kRowBytes;
  constexpr unsigned int kPieces = kDim / 8;
#pragma unroll 1
  for (unsigned int i = lane + 32 * part; i < kPieces * kGroupPositions; i += 32 * kShare) {
    const int row = static_cast<int>(i / kPieces);
    const int piece = static_cast<int>(i % kPieces);
    const bool wanted =
        any && 8 * piece < p.head_dim && position + row >= w.low && position + row <= w.high;
    copy_piece(at + Tile::at(row, piece), wanted ? from + row * p.head_dim + 8 * piece : p.values,
               wanted);
  }
}

// Queries as bf16; zeros for rows and elements that there are not.
template <int kDim, int kRows>
__device__ inline void load_queries(const AttendTilesParams& p, const AttendWork& w, char* to) {
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kDim / 2;
       i += static_cast<int>(blockDim.x)) {
    const int row = i / (kDim / 2);
    const int element = i % (kDim / 2) * 2;
    unsigned int pair = 0;
    if (w.has(row) && element < p.head_dim) {
      const float* from = p.queries.row(w.token_of(row)) + w.head_of(row) * p.head_dim + element;
      pair = pack_pair(from[0], from[1]);
    }
    *reinterpret_cast<unsigned int*>(to + HeadTile<kDim>::at(row, element / 8) + element % 8 * 2) =
        pair;
  }
}

// Scores of kTiles of 16 rows and kGroups of 16 positions.
template <int kDim, int kTiles, int kGroups>
__device__ inline void multiply_keys(float (&s)[kTiles][2 * kGroups][4], unsigned int queries,
                                     unsigned int keys, int group) {
  using Tile = HeadTile<kDim>;
  const unsigned int row = threadIdx.x % 16;
  const unsigned int piece = Tile::lane_piece();
  queries += Tile::lane_row();
  keys += (group * kDim + row) * 32 + (threadIdx.x % 32 / 16 ^ row / 4 % 2) * 16;
#pragma unroll
  for (int m = 0; m < kTiles; m++) {
#pragma unroll
    for (int n = 0; n < 2 * kGroups; n++) {
      s[m][n][0] = s[m][n][1] = s[m][n][2] = s[m][n][3] = 0.0f;
    }
  }
#pragma unroll
  for (int k = 0; k < kDim / 16; k++) {
    unsigned int a[kTiles][4];
#pragma unroll
    for (int m = 0; m < kTiles; m++) {
      load_fragments(a[m], queries + m * 16 * Tile::kRowBytes + Tile::piece_pair(2 * k, piece));
    }
#pragma unroll
    for (int g = 0; g < kGroups; g++) {
      unsigned int b[4];
      load_transposed(b, keys + (g * kDim + 16 * k) * 32);
#pragma unroll
      for (int m = 0; m < kTiles; m++) {
        multiply_add(s[m][2 * g], a[m], b[0], b[1]);
        multiply_add(s[m][2 * g + 1], a[m], b[2], b[3]);
      }
    }
  }
}

// Adds the weighted values of 16 positions, kColumns of 8 elements from column `first` on.
template <int kDim, int kTiles, int kColumns>
__device__ inline void multiply_values(float (&sums)[kTiles][kColumns][4],
                                       const unsigned int (&weights)[kTiles][4],
                                       unsigned int values, int group, int first) {
  using Tile = HeadTile<kDim>;
  const unsigned int piece = Tile::lane_piece();
  values += group * kGroupPositions * Tile::kRowBytes + Tile::lane_row();
#pragma unroll
  for (int n = 0; n < kColumns; n += 2) {
    unsigned int b[4];
    load_transposed(b, values + Tile::piece_pair(first + n, piece));
#pragma unroll
    for (int m = 0; m < kTiles; m++) {
      multiply_add(sums[m][n], weights[m], b[0], b[1]);
      if (n + 1 < kColumns) {
        multiply_add(sums[m][n + 1], weights[m], b[2], b[3]);
      }
    }
  }
}

// Adds the weights themselves, rounded as their products are.
__device__ inline void add_weights(float (&total)[4], const unsigned int (&weights)[4]) {
  constexpr unsigned int kOnes = 0x3f803f80u;
  multiply_add(total, weights, kOnes, kOnes);
}

// For each split in order: begin(), compute(tile number, tile in shared memory) for its tiles, in
// order, while the next is copied, and finish(split, whether it is the last).
template <int kDim, int kWarps, typename Begin, typename Compute, typename Finish>
__device__ inline void for_splits(const AttendTilesParams& p, const AttendWork& w, const char* ring,
                                  Begin begin, Compute compute, Finish finish) {
  constexpr int kStages = HeadTile<kDim>::kStages;
  TileCursor at(w);
  int slot = 0;
  const auto copy = [&](const TileCursor& of, int to) {
    if (of.valid(w)) {
      copy_tile<kDim, kWarps>(p, w, of.tile, shared_place(ring) + to * HeadTile<kDim>::kBytes);
    }
    copies_commit();
  };
  if constexpr (kStages > 1) {
    copy(at, 0);
  }
  while (at.valid(w)) {
    const int split = at.split;
    begin();
#pragma unroll 1
    do {
      const int tile = at.tile;
      if constexpr (kStages > 1) {
        at.advance(w);
        copies_wait<0>();
        __syncthreads();
        copy(at, slot ^ 1);
      } else {
        __syncthreads();
        copy(at, 0);
        at.advance(w);
        copies_wait<0>();
        __syncthreads();
      }
      compute(tile, shared_place(ring) + slot * HeadTile<kDim>::kBytes);
      slot = kStages > 1 ? slot ^ 1 : 0;
    } while (at.split == split);
    finish(split, !at.valid(w));
  }
}

// Minus infinity where a row does not see a position. `last` is up to which a lane's two rows see,
// counted from the first of its two positions.
__device__ inline void mask(float (&s)[4], int position, const int (&last)[2], int window) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int at = position + i % 2;
    const bool seen = at <= last[i / 2] && (window == 0 || at > last[i / 2] - window);
    s[i] = seen ? s[i] : -INFINITY;
  }
}

// Of the two rows of a lane.
__device__ inline void scale_rows(float (&sums)[4], const float (&by)[2]) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    sums[i] = __fmul_rn(sums[i], by[i / 2]);
  }
}

// Weights of the scores of two rows and two positions, rounded.
__device__ inline void weights_of(const float (&s)[4], float factor, const Largest (&largest)[2],
                                  unsigned int* to) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const float offset = largest[h].offset(factor);
    to[h] = pack_pair(power_of_two(__fmaf_rn(s[2 * h], factor, -offset)),
                      power_of_two(__fmaf_rn(s[2 * h + 1], factor, -offset)));
  }
}

// Of the four lanes that share a row.
__device__ inline float row_max(float v) {
  v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 1));
  return fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 2));
}

}  // namespace krait

// A kernel of so many warps, and what the Java side needs to launch it.
#define KRAIT_ATTEND_TILES(name, form, memory, dim, tiles, warps, blocks)    \
  extern "C" __global__ void __launch_bounds__(32 * warps, blocks)           \
      name(const __grid_constant__ krait::AttendTilesParams p) {             \
    krait::begin();                                                          \
    krait::form<dim, tiles, warps>(p);                                       \
  }                                                                          \
  KRAIT_CONSTANT(name##_rows, (krait::memory<dim, tiles, warps>::kRows));    \
  KRAIT_CONSTANT(name##_threads, 32 * warps);                                \
  KRAIT_CONSTANT(name##_shared, (sizeof(krait::memory<dim, tiles, warps>))); \
  KRAIT_PARAMS(name, krait::AttendTilesParams)
