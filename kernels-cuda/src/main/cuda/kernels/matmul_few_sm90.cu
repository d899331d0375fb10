// matmul_few   dst[t, r] = sum_k weight[r, k] x[t, k]
// gated_few    dst[t, r] = silu(sum_k weight[r, k] x[t, k]) sum_k weight[rows + r, k] x[t, k]
// for up to 16 tokens, as chains of mma.m16n8k16.
// matmul_narrow  the first for matrices with few rows and any number of tokens: the steps of an
//   output are dealt out to four chains in turn, which are added in order. A cluster of four blocks
//   has 8 rows for 16 tokens, each block a chain.
// Shapes: operands as operand.cuh says; dst fp32 [tokens, rows] or a bf16 operand.
// A block computes a number of rows for all tokens, tile after tile; a warp has every fourth 8 of
// them.
// bf16 operands; any shape; sm_90.
// Precision: fp32 sums of exact products, cut towards zero by the tensor core at each step.
// Determinism: one chain (matmul_narrow: four) over the columns for every output, see chain.cuh.
#include "chain.cuh"
#include "mma.cuh"

namespace krait {

constexpr int kFewTokens = 16;
constexpr int kFewThreads = 32 * (4 + kCopyWarps);

// A multiplying warp's tiles of 8 weight rows: every fourth, or pairs of gate and partner.
template <int kRows, bool kGated>
struct WarpTiles {
  static constexpr int kAll = kRows / 8;
  static constexpr int kPairs = kRows / 16;
  static constexpr int kCount = kGated ? (kPairs + 3) / 4 * 2 : (kAll + 3) / 4;

  __device__ static bool exists(int n, int warp) {
    return kGated ? n / 2 * 4 + warp < kPairs : n * 4 + warp < kAll;
  }

  // Of the tiles of a block; the last where there is none.
  __device__ static int tile(int n, int warp) {
    return min(kGated ? n % 2 * kPairs + n / 2 * 4 + warp : n * 4 + warp, kAll - 1);
  }
};

// Both operands of half a chunk: two blocks of 16 columns.
template <int kCount>
struct Fragments {
  unsigned int x[2][4];
  unsigned int weight[kCount][4];
};

template <int kRows, bool kGated>
__device__ inline void multiply_tiles(const ChainParams& p,
                                      const Ring<kRows, kSteps<kRows, 0>>& ring,
                                      const Tiles<kRows, kSteps<kRows, 0>, kGated>& tiles) {
  using Own = WarpTiles<kRows, kGated>;
  constexpr int kStep = kSteps<kRows, 0>;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int x_bytes = p.x_rows * kChunkBytes;
  const unsigned int x_row = lane % 16 * kChunkBytes;
  const unsigned int weight_row = lane % 8 * kChunkBytes;
  const auto load = [&](Fragments<Own::kCount>& f, int slot, int half) {
    const unsigned int x = ring.x(slot) + half / 2 * x_bytes + x_row;
    const unsigned int weight = ring.weight(slot) + half / 2 * kRows * kChunkBytes + weight_row;
    const int piece = half % 2 * 4;
#pragma unroll
    for (int n = 0; n < Own::kCount; n++) {
      load_fragments(f.weight[n], weight + Own::tile(n, warp) * 8 * kChunkBytes +
                                      ((piece + lane / 8) ^ lane % 8) * 16);
    }
#pragma unroll
    for (int k = 0; k < 2; k++) {
      load_fragments(f.x[k], x + ((piece + k * 2 + lane / 16) ^ lane % 8) * 16);
    }
  };
  Cursor at;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles.count;
       tile += static_cast<int>(gridDim.x)) {
    float sums[Own::kCount][4] = {};
    const auto multiply = [&](const Fragments<Own::kCount>& f) {
#pragma unroll
      for (int k = 0; k < 2; k++) {
#pragma unroll
        for (int n = 0; n < Own::kCount; n++) {
          multiply_add(sums[n], f.x[k], f.weight[n][k * 2], f.weight[n][k * 2 + 1]);
        }
      }
    };
    // Fragments are read while those before are multiplied.
    Fragments<Own::kCount> even;
    Fragments<Own::kCount> odd;
    barrier_wait(ring.full(at.slot), at.parity);
    load(even, at.slot, 0);
#pragma unroll 1
    for (int step = 0; step < tiles.steps; step++) {
      const int slot = at.slot;
#pragma unroll
      for (int c = 0; c < kStep; c++) {
        load(odd, slot, 2 * c + 1);
        multiply(even);
        if (c + 1 < kStep) {
          load(even, slot, 2 * c + 2);
        } else {
          at.advance(p.slots);
          if (step + 1 < tiles.steps) {
            barrier_wait(ring.full(at.slot), at.parity);
            load(even, at.slot, 0);
          }
        }
        multiply(odd);
      }
      __syncwarp();
      if (lane == 0) {
        barrier_arrive(ring.empty(slot));
      }
    }
    const int token = lane / 4;
#pragma unroll
    for (int n = 0; n < Own::kCount; n += kGated ? 2 : 1) {
      if (Own::exists(n, warp)) {
        const int row = tiles.first_row(tile) + Own::tile(n, warp) * 8 + lane % 4 * 2;
        float (&v)[4] = sums[n];
        if constexpr (kGated) {
#pragma unroll
          for (int i = 0; i < 4; i++) {
            v[i] = silu(v[i]) * sums[n + 1][i];
          }
        }
        store_pair(p, token, row, v[0], v[1]);
        store_pair(p, token + 8, row, v[2], v[3]);
      }
    }
  }
}

constexpr int kNarrowRows = 8;
constexpr int kNarrowStep = kSteps<kNarrowRows, 0>;
constexpr int kNarrowChains = 4;
using NarrowTiles = Tiles<kNarrowRows, kNarrowStep, false, kNarrowChains>;

// What the blocks of a cluster send to the first of them: their sums, by lane.
struct NarrowSums {
  float4 chains[kNarrowChains - 1][32];
  unsigned long long arrived;
};

// The steps of this block's chain, by one warp.
__device__ inline void multiply_narrow(const ChainParams& p,
                                       const Ring<kNarrowRows, kNarrowStep>& ring, int steps,
                                       float (&sums)[4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int x_bytes = min(kFewTokens, p.x_rows) * kChunkBytes;
  Cursor at;
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    barrier_wait(ring.full(at.slot), at.parity);
#pragma unroll
    for (int half = 0; half < 2 * kNarrowStep; half++) {
      const int piece = half % 2 * 4;
      unsigned int weight[4];
      load_fragments(weight, ring.weight(at.slot) + half / 2 * kNarrowRows * kChunkBytes +
                                 lane % 8 * kChunkBytes + ((piece + lane / 8) ^ lane % 8) * 16);
#pragma unroll
      for (int k = 0; k < 2; k++) {
        unsigned int x[4];
        load_fragments(x, ring.x(at.slot) + half / 2 * x_bytes + lane % 16 * kChunkBytes +
                              ((piece + k * 2 + lane / 16) ^ lane % 8) * 16);
        multiply_add(sums, x, weight[k * 2], weight[k * 2 + 1]);
      }
    }
    __syncwarp();
    if (lane == 0) {
      barrier_arrive(ring.empty(at.slot));
    }
    at.advance(p.slots);
  }
}

// A cluster computes a tile, each of its blocks a chain; the first adds them in order.
__device__ inline void matmul_narrow(const ChainParams& p) {
  extern __shared__ unsigned char memory[];
  __shared__ __align__(16) NarrowSums received;
  const Ring<kNarrowRows, kNarrowStep> ring(shared_address(memory), p, min(kFewTokens, p.x_rows));
  const NarrowTiles tiles(p, kFewTokens);
  const unsigned int arrived = shared_address(&received.arrived);
  if (threadIdx.x == 0) {
    ring.init(1);
    barrier_init(arrived, 1);
    barrier_init_done();
    barrier_expect(arrived, sizeof(received.chains));
  }
  cluster_sync();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (warp >= 4) {
    copy_tiles(p, ring, tiles, kFewTokens, warp - 4);
    return;
  }
  if (warp > 0) {
    return;
  }
  wait_for_previous();
  float sums[4] = {};
  multiply_narrow(p, ring, tiles.steps, sums);
  if (NarrowTiles::chain() > 0) {
    send(shared_address(&received.chains[NarrowTiles::chain() - 1][lane]), arrived, sums);
    return;
  }
  barrier_wait(arrived, 0);
#pragma unroll
  for (int chain = 0; chain < kNarrowChains - 1; chain++) {
    const float4 other = received.chains[chain][lane];
    sums[0] += other.x;
    sums[1] += other.y;
    sums[2] += other.z;
    sums[3] += other.w;
  }
  const int token = tiles.token_tile(tiles.tile(0)) * kFewTokens + lane / 4;
  const int row = tiles.first_row(tiles.tile(0)) + lane % 4 * 2;
  store_pair(p, token, row, sums[0], sums[1]);
  store_pair(p, token + 8, row, sums[2], sums[3]);
}

template <int kRows, bool kGated>
__device__ inline void matmul_few(const ChainParams& p) {
  extern __shared__ unsigned char memory[];
  const Ring<kRows, kSteps<kRows, 0>> ring(shared_address(memory), p, min(kFewTokens, p.x_rows));
  const Tiles<kRows, kSteps<kRows, 0>, kGated> tiles(p, kFewTokens);
  if (threadIdx.x == 0) {
    ring.init(4);
  }
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (warp >= 4) {
    copy_tiles(p, ring, tiles, kFewTokens, warp - 4);
  } else {
    wait_for_previous();
    multiply_tiles(p, ring, tiles);
  }
}

}  // namespace krait

// Rows of a block, and whether half of them are gates.
#define KRAIT_FEW(name, rows, gated)                                  \
  extern "C" __global__ void __launch_bounds__(krait::kFewThreads, 1) \
      name(const __grid_constant__ krait::ChainParams p) {            \
    krait::matmul_few<rows, gated>(p);                                \
  }                                                                   \
  KRAIT_CHAIN(name, rows, krait::kFewTokens, krait::kFewThreads, (krait::kSteps<rows, 0>))

KRAIT_FEW(matmul_few_r8, 8, false);
KRAIT_FEW(matmul_few_r16, 16, false);
KRAIT_FEW(matmul_few_r24, 24, false);
KRAIT_FEW(matmul_few_r32, 32, false);
KRAIT_FEW(matmul_few_r48, 48, false);
KRAIT_FEW(matmul_few_r64, 64, false);
KRAIT_FEW(matmul_few_r80, 80, false);
KRAIT_FEW(matmul_few_r112, 112, false);
KRAIT_FEW(matmul_few_r128, 128, false);
KRAIT_FEW(gated_few_r16, 16, true);
KRAIT_FEW(gated_few_r32, 32, true);
KRAIT_FEW(gated_few_r64, 64, true);
KRAIT_FEW(gated_few_r112, 112, true);
KRAIT_FEW(gated_few_r128, 128, true);

extern "C" __global__ void __cluster_dims__(krait::kNarrowChains, 1, 1)
    __launch_bounds__(krait::kFewThreads, 1)
        matmul_narrow(const __grid_constant__ krait::ChainParams p) {
  krait::matmul_narrow(p);
}
KRAIT_CHAIN(matmul_narrow, krait::kNarrowRows, krait::kFewTokens, krait::kFewThreads,
            krait::kNarrowStep);
KRAIT_CONSTANT(matmul_narrow_chains, krait::kNarrowChains);
KRAIT_CONSTANT(chain_chunk_bytes, krait::kChunkBytes);
KRAIT_CONSTANT(chain_ring_alignment, krait::kRingAlignment);
KRAIT_CONSTANT(chain_barrier_bytes, 2 * krait::kBarrierBytes);
