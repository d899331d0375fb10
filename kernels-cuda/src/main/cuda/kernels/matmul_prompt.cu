// split_parts      parts[column tile, token tile, part, lane] of activations, as B operands
// matmul_prompt    dst[t, r] = sum_k weight[r, k] x[t, k]
// gated_prompt     dst[t, r] = silu(sum_k weight[r, k] x[t, k]) sum_k weight[rows + r, k] x[t, k]
// on tensor cores, for many tokens.
// Shapes: dst [tokens, rows], x [tokens, columns], weight packed [row tiles, column tiles, 256] as
//   packed.cuh says, parts [column tiles, token tiles, 3, 32] pairs of words.
// A block computes 128 rows, or 64 and the 64 that they gate, for 128 tokens; operands pass shared
// memory, a column tile at a time, two ahead.
// Weights bf16, activations fp32; any shape; sm_80 and later.
// Precision: as matmul_packed.cu.
// Determinism: every token takes the instructions of matmul_packed.cu in their order, so that both
// give the same bits: sums over every sixteenth column tile, added up in the order of the tiles
// that they start with.
#include "math.cuh"
#include "packed.cuh"
#include "parts.cuh"
#include "step.cuh"

namespace krait {

constexpr int kBlockTokenTiles = 16;
constexpr int kBlockRowTiles = 8;
constexpr int kPromptThreads = 256;
constexpr int kWarpRowTiles = 4;    // of 8: four warps have the same rows
constexpr int kWarpTokenTiles = 4;  // of 16: two warps have the same tokens
constexpr int kTokenWarps = kBlockTokenTiles / kWarpTokenTiles;
constexpr int kStages = 3;
constexpr int kChunkWords = 4;                             // that a thread copies at a time
constexpr int kWeightWords = kTileElements / 2;            // of a tile
constexpr int kPartWords = kTokenTile * kTileColumns / 2;  // of a part of a token tile
constexpr int kPartChunks = kPartWords / kChunkWords;
constexpr int kBlockWeightWords = kBlockRowTiles * kWeightWords;
constexpr int kStageWords = kBlockWeightWords + kBlockTokenTiles * kParts * kPartWords;

struct SplitParams {
  Rows x;        // [tokens, columns]
  uint2* parts;  // [column tiles, token tiles, 3, 32]
  int columns;
  int tokens;
  int token_tiles;  // a multiple of a block's
};

struct PromptParams {
  Rows dst;             // [tokens, rows]
  const uint4* weight;  // [row tiles, column tiles, 32]
  const uint4* parts;   // [column tiles, token tiles, 3, 16]
  int rows;             // of dst
  int column_tiles;
  int token_tiles;
  int tokens;
};

// Column tiles in the order in which they are added: every sixteenth from the first on, from the
// second on, and so forth.
struct Order {
  int start = 0;
  int tile = 0;

  // Goes to the next one; true when that begins another sum.
  __device__ bool next(int column_tiles) {
    tile += kWarps;
    if (tile < column_tiles) {
      return false;
    }
    start++;
    tile = start;
    return true;
  }
};

__device__ inline void copy_async(unsigned int to, const uint4* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}

template <bool kGated>
__device__ inline void matmul_prompt(const PromptParams& p) {
  __shared__ __align__(16) unsigned int stages[kStages][kStageWords];
  const int thread = static_cast<int>(threadIdx.x);
  const int warp = thread / 32;
  const int lane = thread % 32;
  const int row_tiles = (p.rows + kTileRows - 1) / kTileRows;
  const int first_tile =
      static_cast<int>(blockIdx.y) * (kGated ? kBlockRowTiles / 2 : kBlockRowTiles);
  const int first_token_tile = static_cast<int>(blockIdx.x) * kBlockTokenTiles;
  // A thread copies a chunk of its warp's weight tile and three of the activations.
  const int own = kGated ? min(first_tile + warp % 4, row_tiles - 1) + warp / 4 * row_tiles
                         : min(first_tile + warp, row_tiles - 1);
  const uint4* weight = p.weight + static_cast<long long>(own) * p.column_tiles * 32 + lane;
  const uint4* parts =
      p.parts + static_cast<long long>(first_token_tile) * kParts * kPartChunks + thread;
  const long long parts_stride = static_cast<long long>(p.token_tiles) * kParts * kPartChunks;
  const unsigned int shared =
      static_cast<unsigned int>(__cvta_generic_to_shared(&stages[0][0])) + 16u * thread;
  Order copied;
  int left = p.column_tiles;
  const auto copy_next = [&](int stage) {
    if (left > 0) {
      const unsigned int to = shared + stage * kStageWords * 4u;
      copy_async(to, weight + copied.tile * 32);
#pragma unroll
      for (int i = 0; i < kParts; i++) {
        copy_async(to + kBlockWeightWords * 4u + i * kPromptThreads * 16u,
                   parts + copied.tile * parts_stride + i * kPromptThreads);
      }
      copied.next(p.column_tiles);
      left--;
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  begin();
#pragma unroll
  for (int stage = 0; stage < kStages - 1; stage++) {
    copy_next(stage);
  }
  const int row_half = warp / kTokenWarps;
  const int token_warp = warp % kTokenWarps;
  float total[kWarpRowTiles][kWarpTokenTiles][4] = {};
  float acc[kWarpRowTiles][kWarpTokenTiles][4] = {};
  Order taken;
  int stage = 0;
  for (int i = 0; i < p.column_tiles; i++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kStages - 2) : "memory");
    __syncthreads();
    copy_next((stage + kStages - 1) % kStages);
    const unsigned int* words = stages[stage];
    uint4 w[kWarpRowTiles];
#pragma unroll
    for (int r = 0; r < kWarpRowTiles; r++) {
      // Of gate and up a warp has the same rows.
      const int tile = kGated ? r / 2 * 4 + row_half * 2 + r % 2 : row_half * kWarpRowTiles + r;
      w[r] = *reinterpret_cast<const uint4*>(words + tile * kWeightWords + lane * 4);
    }
#pragma unroll
    for (int part = 0; part < kParts; part++) {
      uint2 b[kWarpTokenTiles];
#pragma unroll
      for (int n = 0; n < kWarpTokenTiles; n++) {
        const int tile = token_warp * kWarpTokenTiles + n;
        b[n] = *reinterpret_cast<const uint2*>(words + kBlockWeightWords +
                                               (tile * kParts + part) * kPartWords + lane * 2);
      }
#pragma unroll
      for (int n = 0; n < kWarpTokenTiles; n++) {
#pragma unroll
        for (int r = 0; r < kWarpRowTiles; r++) {
          multiply_add(acc[r][n], w[r], b[n].x, b[n].y);
        }
      }
    }
    stage = (stage + 1) % kStages;
    if (taken.next(p.column_tiles)) {
#pragma unroll
      for (int r = 0; r < kWarpRowTiles; r++) {
#pragma unroll
        for (int n = 0; n < kWarpTokenTiles; n++) {
#pragma unroll
          for (int c = 0; c < 4; c++) {
            total[r][n][c] = taken.start == 1 ? acc[r][n][c] : total[r][n][c] + acc[r][n][c];
            acc[r][n][c] = 0.0f;
          }
        }
      }
    }
  }
#pragma unroll
  for (int n = 0; n < kWarpTokenTiles; n++) {
    const int tile = first_token_tile + token_warp * kWarpTokenTiles + n;
#pragma unroll
    for (int c = 0; c < 4; c++) {
      const int token = tile * kTokenTile + lane % 4 * 2 + c % 2;
      if (token >= p.tokens) {
        continue;
      }
      float* dst = p.dst.row(token);
      const int in_tile = lane / 4 + c / 2 * 8;
      constexpr int kOwn = kGated ? kWarpRowTiles / 2 : kWarpRowTiles;
#pragma unroll
      for (int r = 0; r < kOwn; r++) {
        const int row = (first_tile + row_half * kOwn + r) * kTileRows + in_tile;
        if (row < p.rows) {
          if constexpr (kGated) {
            dst[row] = silu(total[r][n][c]) * total[r + kOwn][n][c];
          } else {
            dst[row] = total[r][n][c];
          }
        }
      }
    }
  }
}

// A warp splits 16 columns of 8 tokens.
__device__ inline void split_tile(const SplitParams& p) {
  begin();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int column_tiles = (p.columns + kTileColumns - 1) / kTileColumns;
  const int column_tile = static_cast<int>((blockIdx.x * kPromptThreads + threadIdx.x) / 32);
  if (column_tile >= column_tiles) {
    return;
  }
  const int token_tile = static_cast<int>(blockIdx.y);
  const int token = token_tile * kTokenTile + lane / 4;
  const int column = column_tile * kTileColumns + lane % 4 * 2;
  float2 low = {0.0f, 0.0f};
  float2 high = {0.0f, 0.0f};
  if (token < p.tokens) {
    const float* row = p.x.row(token);
    low = load_pair(row, column, p.columns, false);
    high = load_pair(row, column + 8, p.columns, false);
  }
  const long long tile = static_cast<long long>(column_tile) * p.token_tiles + token_tile;
  uint2* to = p.parts + tile * kParts * 32 + lane;
#pragma unroll
  for (int part = 0; part < kParts; part++) {
    const unsigned int first = take_leading(low);
    to[part * 32] = {first, take_leading(high)};
  }
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kPromptThreads)
    split_parts(const __grid_constant__ krait::SplitParams p) {
  krait::split_tile(p);
}
KRAIT_PARAMS(split_parts, krait::SplitParams);

extern "C" __global__ void __launch_bounds__(krait::kPromptThreads)
    matmul_prompt(const __grid_constant__ krait::PromptParams p) {
  krait::matmul_prompt<false>(p);
}
KRAIT_PARAMS(matmul_prompt, krait::PromptParams);

extern "C" __global__ void __launch_bounds__(krait::kPromptThreads)
    gated_prompt(const __grid_constant__ krait::PromptParams p) {
  krait::matmul_prompt<true>(p);
}
KRAIT_PARAMS(gated_prompt, krait::PromptParams);
KRAIT_CONSTANT(matmul_prompt_threads, krait::kPromptThreads);
KRAIT_CONSTANT(matmul_prompt_tokens, krait::kBlockTokenTiles* krait::kTokenTile);
KRAIT_CONSTANT(matmul_prompt_rows, krait::kBlockRowTiles* krait::kTileRows);
KRAIT_CONSTANT(split_parts_tokens, krait::kTokenTile);
KRAIT_CONSTANT(split_parts_bytes, 4 * krait::kParts * krait::kPartWords);
