// matmul_wide   dst[t, r] = sum_k weight[r, k] x[t, k]
// gated_wide    dst[t, r] = silu(sum_k weight[r, k] x[t, k]) sum_k weight[rows + r, k] x[t, k]
// for more than 16 tokens, as chains of wgmma.m64nNk16.
// matmul_wide_chains  the first with four chains for an output, as matmul_narrow has them.
// Shapes: operands as operand.cuh says; dst fp32 [tokens, rows] or a bf16 operand.
// A block computes a number of rows for one or two times 64 tokens, tile after tile; a warpgroup
// has 64 tokens. bf16 operands; any shape; sm_90a. Precision: fp32 sums of exact products, cut
// towards zero by the tensor core at each step. Determinism: one chain over the columns for every
// output, see chain.cuh.
#include "chain.cuh"
#include "wgmma.cuh"

namespace krait {

constexpr int kGroupTokens = 64;

template <int kGroups>
constexpr int kWideThreads = 128 * kGroups + 32 * kCopyWarps;

template <int kRows, int kGroups>
constexpr int kWideBlocks = (kGroups == 1 ? kRows <= 128 : kRows <= 64) ? 2 : 1;

// Four pieces of 8 outputs, of which the four lanes of a quad hold a pair each: afterwards lane i
// holds piece i whole.
__device__ inline void transpose_quad(unsigned int (&v)[4], int lane) {
  unsigned int first = __shfl_xor_sync(0xffffffffu, (lane & 1) != 0 ? v[0] : v[1], 1);
  unsigned int second = __shfl_xor_sync(0xffffffffu, (lane & 1) != 0 ? v[2] : v[3], 1);
  if ((lane & 1) != 0) {
    v[0] = first;
    v[2] = second;
  } else {
    v[1] = first;
    v[3] = second;
  }
  first = __shfl_xor_sync(0xffffffffu, (lane & 2) != 0 ? v[0] : v[2], 2);
  second = __shfl_xor_sync(0xffffffffu, (lane & 2) != 0 ? v[1] : v[3], 2);
  if ((lane & 2) != 0) {
    v[0] = first;
    v[1] = second;
  } else {
    v[2] = first;
    v[3] = second;
  }
}

// Outputs of a thread of a warpgroup: tile j of 8 rows has d[4 j] to d[4 j + 3], the first two of
// `token`, the others of the eighth token after it.
template <int kRows, bool kGated>
__device__ inline void store_tile(const ChainParams& p, const float (&d)[kRows / 2], int first_row,
                                  int token, int lane) {
  constexpr int kTiles = (kGated ? kRows / 2 : kRows) / 8;
  const auto output = [&](int tile, int i) {
    const float v = d[4 * tile + i];
    return kGated ? silu(v) * d[4 * tile + i + (kGated ? kRows / 4 : 0)] : v;
  };
  if (p.operand != 1) {
#pragma unroll
    for (int j = 0; j < kTiles; j++) {
      const int row = first_row + 8 * j + lane % 4 * 2;
      store_pair(p, token, row, output(j, 0), output(j, 1));
      store_pair(p, token + 8, row, output(j, 2), output(j, 3));
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < kTiles; j += 4) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      unsigned int v[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        v[i] = j + i < kTiles ? pack_pair(output(j + i, 2 * half), output(j + i, 2 * half + 1)) : 0;
      }
      transpose_quad(v, lane);
      const int tile = j + lane % 4;
      const int row = first_row + 8 * tile;
      if (tile < kTiles && row < p.rows && token + 8 * half < p.tokens) {
        *reinterpret_cast<uint4*>(static_cast<unsigned char*>(p.dst) +
                                  operand_offset(token + 8 * half, row, p.x_rows)) = {v[0], v[1],
                                                                                      v[2], v[3]};
      }
    }
  }
}

// kChains: chains of an output, of which step i belongs to chain i % kChains.
template <int kRows, int kGroups, bool kGated, int kChains>
__device__ inline void multiply_tiles(const ChainParams& p,
                                      const Ring<kRows, kSteps<kRows, kGroups>>& ring,
                                      const Tiles<kRows, kSteps<kRows, kGroups>, kGated>& tiles,
                                      int x_rows) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int group = warp / 4;
  const bool speaks = threadIdx.x % 128 == 0;  // for its warpgroup
  const int x_chunk = x_rows * kChunkBytes / 16;
  constexpr int kWeightChunk = kRows * kChunkBytes / 16;
  Cursor at;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles.count;
       tile += static_cast<int>(gridDim.x)) {
    float d[kChains][kRows / 2] = {};
    int previous = -1;
    const auto step = [&](float (&sums)[kRows / 2]) {
      barrier_wait(ring.full(at.slot), at.parity);
      wgmma_fence();
      const unsigned long long x =
          operand_descriptor(ring.x(at.slot) + group * kGroupTokens * kChunkBytes);
      const unsigned long long weight = operand_descriptor(ring.weight(at.slot));
#pragma unroll
      for (int c = 0; c < kSteps<kRows, kGroups>; c++) {
#pragma unroll
        for (int k = 0; k < 4; k++) {
          wgmma<kRows>(sums, x + c * x_chunk + k * 2, weight + c * kWeightChunk + k * 2);
        }
      }
      wgmma_commit();
      wgmma_wait<1>();
      if (previous >= 0 && speaks) {
        barrier_arrive(ring.empty(previous));
      }
      previous = at.slot;
      at.advance(p.slots);
    };
#pragma unroll 1
    for (int first = 0; first < tiles.steps; first += kChains) {
#pragma unroll
      for (int chain = 0; chain < kChains; chain++) {
        if (kChains == 1 || first + chain < tiles.steps) {
          step(d[chain]);
        }
      }
    }
    wgmma_wait<0>();
#pragma unroll
    for (int chain = 1; chain < kChains; chain++) {
#pragma unroll
      for (int i = 0; i < kRows / 2; i++) {
        d[0][i] += d[chain][i];
      }
    }
    if (speaks) {
      barrier_arrive(ring.empty(previous));
    }
    const int token =
        (tiles.token_tile(tile) * kGroups + group) * kGroupTokens + warp % 4 * 16 + lane / 4;
    store_tile<kRows, kGated>(p, d[0], tiles.first_row(tile), token, lane);
  }
}

template <int kRows, int kGroups, bool kGated, int kChains = 1>
__device__ inline void matmul_wide(const ChainParams& p) {
  extern __shared__ unsigned char memory[];
  constexpr int kTokens = kGroups * kGroupTokens;
  const int x_rows = min(kTokens, p.x_rows);
  const Ring<kRows, kSteps<kRows, kGroups>> ring(shared_address(memory), p, x_rows);
  const Tiles<kRows, kSteps<kRows, kGroups>, kGated> tiles(p, kTokens);
  if (threadIdx.x == 0) {
    ring.init(kGroups);
  }
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (warp >= 4 * kGroups) {
    copy_tiles(p, ring, tiles, kTokens, warp - 4 * kGroups);
  } else {
    wait_for_previous();
    multiply_tiles<kRows, kGroups, kGated, kChains>(p, ring, tiles, x_rows);
  }
}

}  // namespace krait

// Rows of a block, warpgroups, and whether half of the rows are gates.
#define KRAIT_WIDE(name, rows, groups, gated)                                       \
  extern "C" __global__ void __launch_bounds__(krait::kWideThreads<groups>,         \
                                               krait::kWideBlocks<rows, groups>)    \
      name(const __grid_constant__ krait::ChainParams p) {                          \
    krait::matmul_wide<rows, groups, gated>(p);                                     \
  }                                                                                 \
  KRAIT_CHAIN(name, rows, groups* krait::kGroupTokens, krait::kWideThreads<groups>, \
              (krait::kSteps<rows, groups>))

KRAIT_WIDE(matmul_wide_r32_g1, 32, 1, false);
KRAIT_WIDE(matmul_wide_r48_g1, 48, 1, false);
KRAIT_WIDE(matmul_wide_r64_g1, 64, 1, false);
KRAIT_WIDE(matmul_wide_r80_g1, 80, 1, false);
KRAIT_WIDE(matmul_wide_r96_g1, 96, 1, false);
KRAIT_WIDE(matmul_wide_r112_g1, 112, 1, false);
KRAIT_WIDE(matmul_wide_r128_g1, 128, 1, false);
KRAIT_WIDE(matmul_wide_r64_g2, 64, 2, false);
KRAIT_WIDE(matmul_wide_r96_g2, 96, 2, false);
KRAIT_WIDE(matmul_wide_r128_g2, 128, 2, false);
KRAIT_WIDE(matmul_wide_r160_g2, 160, 2, false);
KRAIT_WIDE(matmul_wide_r192_g2, 192, 2, false);
KRAIT_WIDE(matmul_wide_r256_g2, 256, 2, false);
KRAIT_WIDE(gated_wide_r32_g1, 32, 1, true);
KRAIT_WIDE(gated_wide_r64_g1, 64, 1, true);
KRAIT_WIDE(gated_wide_r112_g1, 112, 1, true);
KRAIT_WIDE(gated_wide_r128_g1, 128, 1, true);
KRAIT_WIDE(gated_wide_r160_g2, 160, 2, true);
KRAIT_WIDE(gated_wide_r224_g2, 224, 2, true);
KRAIT_WIDE(gated_wide_r256_g2, 256, 2, true);

// 32 rows: steps of four chunks, as matmul_narrow has.
extern "C" __global__ void __launch_bounds__(krait::kWideThreads<1>, 1)
    matmul_wide_chains(const __grid_constant__ krait::ChainParams p) {
  krait::matmul_wide<32, 1, false, 4>(p);
}
KRAIT_CHAIN(matmul_wide_chains, 32, krait::kGroupTokens, krait::kWideThreads<1>,
            (krait::kSteps<32, 1>));
