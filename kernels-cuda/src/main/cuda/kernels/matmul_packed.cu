// matmul_packed    dst[t, r] = sum_k weight[r, k] x[t, k]
// gated_packed     dst[t, r] = silu(sum_k weight[r, k] x[t, k]) sum_k weight[rows + r, k] x[t, k]
// on tensor cores.
// Shapes: dst [tokens, rows], x [tokens, columns], weight packed [row tiles, column tiles, 256] as
//   packed.cuh says.
// A block computes one or two tiles of 16 rows for up to 64 tokens; its warps take the column tiles
// in turn and are summed in the end.
// Weights bf16, activations fp32; any shape; sm_80 and later.
// Precision: an activation is the sum of three bf16 numbers, exact to 2^-24 of it, so products are
// those of fp32; sums are fp32.
// Determinism: every token takes the same instructions in the same order, whatever its neighbours:
// the order of a sum follows from the number of columns.
#include "math.cuh"
#include "packed.cuh"
#include "parts.cuh"
#include "step.cuh"
#include "weights.cuh"

namespace krait {

struct PackedMatmulParams {
  Rows dst;             // [tokens, rows]
  Rows x;               // [tokens, columns]
  const uint4* weight;  // [row tiles, column tiles, 32]
  int rows;             // of dst
  int columns;
  int column_tiles;
  int tokens;
  int aligned;  // 1 when every row of x starts at a multiple of 8 bytes
};

constexpr int kTileBytes = 512;
constexpr int kPrefetchBytes = 64 << 10;  // of a block: more keeps the previous kernel waiting
[[maybe_unused]] constexpr int kPrefetchPiece = 4096;
constexpr int kSumTiles = 4;  // token tiles that are summed over the warps at a time

// Weight tiles that a warp has in flight: few enough for two blocks on a multiprocessor; with many
// tokens, or where there is no second block, for one.
template <int kTiles, int kRowTiles, bool kLone>
constexpr int kTilesInFlight =
    kLone ? 8 : (kTiles == 1 && kRowTiles == 1 ? 4 : (kTiles <= 4 ? 2 : 1));

template <int kTiles, bool kLone>
constexpr int kBlocks = kTiles <= 2 && !kLone ? 2 : 1;

// Element i of a result of token tiles, rows first, and where the warps have its parts.
struct Element {
  int row;
  int token;
  int tile;
  int place;
  int lane;

  __device__ explicit Element(int i)
      : row(i % kTileRows),
        token(i / kTileRows % kTokenTile),
        tile(i / (kTileRows * kTokenTile)),
        place(row / 8 * 2 + token % 2),
        lane(row % 8 * 4 + token / 2) {}
};

// Asks for memory to be brought to L2; a thread asks for every so many kilobytes of it.
__device__ inline void prefetch(const uint4* from, int bytes) {
#if __CUDA_ARCH__ >= 900
  for (int at = static_cast<int>(threadIdx.x) * kPrefetchPiece; at < bytes;
       at += static_cast<int>(blockDim.x) * kPrefetchPiece) {
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(
                     reinterpret_cast<const char*>(from) + at),
                 "r"(min(kPrefetchPiece, bytes - at))
                 : "memory");
  }
#endif
}

template <int kTiles, int kRowTiles, bool kGated, bool kLone>
__device__ inline void matmul_packed(const PackedMatmulParams& p) {
  constexpr int kInFlight = kTilesInFlight<kTiles, kRowTiles, kLone>;
  constexpr int kSum = kTiles < kSumTiles ? kTiles : kSumTiles;
  constexpr int kSumElements = kSum * kTileRows * kTokenTile;
  constexpr int kThreads = 32 * kWarps;
  constexpr int kOwn = (kSumElements + kThreads - 1) / kThreads;
  __shared__ float partial[kWarps][kSum][4][32];
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int row_tiles = (p.rows + kTileRows - 1) / kTileRows;
  const int first_tile = static_cast<int>(blockIdx.y) * (kGated ? 1 : kRowTiles);
  const int first_token = static_cast<int>(blockIdx.x) * kTiles * kTokenTile;
  const uint4* weight[kRowTiles];
#pragma unroll
  for (int r = 0; r < kRowTiles; r++) {
    const int tile = kGated ? first_tile + r * row_tiles : min(first_tile + r, row_tiles - 1);
    weight[r] = p.weight + static_cast<long long>(tile) * p.column_tiles * 32 + lane;
  }
  // While the previous kernel still runs, weights come to L2, and the first of them further.
#pragma unroll
  for (int r = 0; r < kRowTiles; r++) {
    prefetch(weight[r] - lane, min(p.column_tiles * kTileBytes, kPrefetchBytes / kRowTiles));
  }
  uint4 w[kInFlight][kRowTiles];
  const auto load_weights = [&](int first) {
#pragma unroll
    for (int i = 0; i < kInFlight; i++) {
      const int tile = first + i * kWarps;
#pragma unroll
      for (int r = 0; r < kRowTiles; r++) {
        w[i][r] = tile < p.column_tiles ? load_once(weight[r] + tile * 32) : uint4{0, 0, 0, 0};
      }
    }
  };
  load_weights(warp);
  wait_for_previous();
  float acc[kRowTiles][kTiles][4] = {};
  for (int first = warp; first < p.column_tiles; first += kWarps * kInFlight) {
    if (first != warp) {
      load_weights(first);
    }
    float2 x[kInFlight][kTiles][2];
#pragma unroll
    for (int i = 0; i < kInFlight; i++) {
      const int column = (first + i * kWarps) * kTileColumns + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kTiles; n++) {
        const int token = first_token + n * kTokenTile + lane / 4;
        if (token < p.tokens) {
          const float* row = p.x.row(token);
          x[i][n][0] = load_pair(row, column, p.columns, p.aligned != 0);
          x[i][n][1] = load_pair(row, column + 8, p.columns, p.aligned != 0);
        } else {
          x[i][n][0] = {0.0f, 0.0f};
          x[i][n][1] = {0.0f, 0.0f};
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kInFlight; i++) {
#pragma unroll
      for (int n = 0; n < kTiles; n++) {
#pragma unroll
        for (int part = 0; part < kParts; part++) {
          const unsigned int b0 = take_leading(x[i][n][0]);
          const unsigned int b1 = take_leading(x[i][n][1]);
#pragma unroll
          for (int r = 0; r < kRowTiles; r++) {
            multiply_add(acc[r][n], w[i][r], b0, b1);
          }
        }
      }
    }
  }
  launch_next();
#pragma unroll
  for (int from = 0; from < kTiles; from += kSum) {
    float own[kRowTiles][kOwn];
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) {
#pragma unroll
      for (int n = 0; n < kSum; n++) {
#pragma unroll
        for (int c = 0; c < 4; c++) {
          partial[warp][n][c][lane] = acc[r][from + n][c];
        }
      }
      __syncthreads();
#pragma unroll
      for (int j = 0; j < kOwn; j++) {
        const Element e(static_cast<int>(threadIdx.x) + j * kThreads);
        if (e.tile < kSum) {
          float sum = partial[0][e.tile][e.place][e.lane];
#pragma unroll
          for (int other = 1; other < kWarps; other++) {
            sum += partial[other][e.tile][e.place][e.lane];
          }
          own[r][j] = sum;
        }
      }
      __syncthreads();
    }
#pragma unroll
    for (int j = 0; j < kOwn; j++) {
      const Element e(static_cast<int>(threadIdx.x) + j * kThreads);
      const int token = first_token + (from + e.tile) * kTokenTile + e.token;
      if (e.tile < kSum && token < p.tokens) {
        float* dst = p.dst.row(token);
        const int row = first_tile * kTileRows + e.row;
        if constexpr (kGated) {
          dst[row] = silu(own[0][j]) * own[1][j];
        } else {
#pragma unroll
          for (int r = 0; r < kRowTiles; r++) {
            if (row + r * kTileRows < p.rows) {
              dst[row + r * kTileRows] = own[r][j];
            }
          }
        }
      }
    }
  }
}

}  // namespace krait

// Up to so many tokens, row tiles of a block, whether the two tiles are gate and up, and whether
// blocks are as few as multiprocessors.
#define KRAIT_PACKED(name, tokens, row_tiles, gated, lone)                                       \
  extern "C" __global__ void __launch_bounds__(32 * krait::kWarps,                               \
                                               krait::kBlocks<tokens / krait::kTokenTile, lone>) \
      name(const __grid_constant__ krait::PackedMatmulParams p) {                                \
    krait::matmul_packed<tokens / krait::kTokenTile, row_tiles, gated, lone>(p);                 \
  }                                                                                              \
  KRAIT_PARAMS(name, krait::PackedMatmulParams);                                                 \
  KRAIT_CONSTANT(name##_tokens, tokens);                                                         \
  KRAIT_CONSTANT(name##_rows, krait::kTileRows*(gated ? 1 : row_tiles))

KRAIT_PACKED(matmul_packed_t8, 8, 1, false, false);
KRAIT_PACKED(matmul_packed_t16, 16, 1, false, false);
KRAIT_PACKED(matmul_packed_t32, 32, 2, false, false);
KRAIT_PACKED(matmul_packed_t64, 64, 2, false, false);
KRAIT_PACKED(matmul_lone_t8, 8, 1, false, true);
KRAIT_PACKED(gated_packed_t8, 8, 2, true, false);
KRAIT_PACKED(gated_packed_t16, 16, 2, true, false);
KRAIT_PACKED(gated_packed_t32, 32, 2, true, false);
KRAIT_PACKED(gated_packed_t64, 64, 2, true, false);
KRAIT_CONSTANT(matmul_packed_threads, 32 * krait::kWarps);
