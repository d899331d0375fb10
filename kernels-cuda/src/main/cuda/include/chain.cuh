// What the products of one accumulation chain share: an output is one fp32 chain of tensor core
// steps over blocks of 16 columns, first to last, from zero. mma.m16n8k16 and every wgmma give the
// same bits for it, whatever the tile, so a token has the same bits in any kernel and any batch.
// A block of threads has warps that copy tiles of both operands into a ring of slots, steps in
// turn, and warps that multiply.
#pragma once

#include "bulk.cuh"
#include "math.cuh"
#include "operand.cuh"
#include "step.cuh"

namespace krait {

struct ChainParams {
  const unsigned char* weight;  // operand [chunks, weight_rows, 64]
  const unsigned char* x;       // operand [chunks, x_rows, 64]
  void* dst;                    // fp32 [tokens, rows], or operand [rows / 64, x_rows, 64]
  int dst_stride;               // floats between tokens
  int weight_rows;              // a multiple of 8; gated: twice `rows`
  int rows;                     // of a token's output
  int x_rows;                   // tokens padded to a multiple of 8
  int tokens;
  int chunks;   // a multiple of 4
  int slots;    // of the ring, at least 2
  int operand;  // 1 when dst is an operand, 2 when fp32 rows start at multiples of 8 bytes
};

constexpr int kCopyWarps = 4;
constexpr int kRingAlignment = 1024;  // of the ring and of its slots
constexpr int kBarrierBytes = 8;      // a slot has two: full and empty

// Chunks of a step: copies of 16 KB of weights where a block has few rows, fewer where a slot would
// be too large.
template <int kRows, int kGroups>
constexpr int kSteps = kRows <= 32 ? 4 : (kGroups < 2 && kRows <= 128 ? 2 : 1);

// The ring in shared memory: a slot holds kStep chunks of token rows, then of weight rows.
template <int kRows, int kStep>
struct Ring {
  unsigned int start;
  int x_bytes;     // of a slot
  int slot_bytes;  // multiples of kRingAlignment
  int slots;

  __device__ Ring(unsigned int memory, const ChainParams& p, int tile_tokens)
      : start((memory + kRingAlignment - 1u) & ~(kRingAlignment - 1u)),
        x_bytes(kStep * tile_tokens * kChunkBytes),
        slot_bytes(x_bytes + kStep * kRows * kChunkBytes),
        slots(p.slots) {}

  __device__ unsigned int x(int slot) const { return start + slot * slot_bytes; }
  __device__ unsigned int weight(int slot) const { return x(slot) + x_bytes; }
  __device__ unsigned int full(int slot) const {
    return start + slots * slot_bytes + kBarrierBytes * slot;
  }
  __device__ unsigned int empty(int slot) const { return full(slots) + kBarrierBytes * slot; }

  __device__ void init(int releases) const {
    for (int i = 0; i < slots; i++) {
      barrier_init(full(i), 1);
      barrier_init(empty(i), releases);
    }
    barrier_init_done();
  }
};

// A place in the ring and the parity of its phase.
struct Cursor {
  int slot = 0;
  int parity = 0;

  __device__ void advance(int slots) {
    if (++slot == slots) {
      slot = 0;
      parity ^= 1;
    }
  }
};

// Output tiles of a block of threads: of kRows weight rows (gated: half of them gates, half of them
// their partners) and so many tokens, tokens fastest. kChains blocks share a tile: block i of them
// has the steps i, i + kChains, ...
template <int kRows, int kStep, bool kGated, int kChains = 1>
struct Tiles {
  static constexpr int kOutputs = kGated ? kRows / 2 : kRows;
  int token_tiles;
  int count;
  int steps;

  __device__ Tiles(const ChainParams& p, int tile_tokens)
      : token_tiles((p.tokens + tile_tokens - 1) / tile_tokens),
        count((p.rows + kOutputs - 1) / kOutputs * token_tiles),
        steps((p.chunks / kStep - chain() + kChains - 1) / kChains) {}

  __device__ static int chain() { return static_cast<int>(blockIdx.x) % kChains; }
  __device__ static int block() { return static_cast<int>(blockIdx.x) / kChains; }
  __device__ static int blocks() { return static_cast<int>(gridDim.x) / kChains; }
  // Of the i-th step that this block computes.
  __device__ int tile(int i) const { return block() + i / steps * blocks(); }
  __device__ int chunk(int i) const { return (chain() + i % steps * kChains) * kStep; }
  __device__ int first_row(int tile) const { return tile / token_tiles * kOutputs; }
  __device__ int token_tile(int tile) const { return tile % token_tiles; }
  __device__ int mine() const { return block() < count ? (count - block() - 1) / blocks() + 1 : 0; }
};

// One of the copying warps: the weights of the ring's first slots are asked for before the previous
// kernel has ended, activations after it.
template <int kRows, int kStep, bool kGated, int kChains>
__device__ inline void copy_tiles(const ChainParams& p, const Ring<kRows, kStep>& ring,
                                  const Tiles<kRows, kStep, kGated, kChains>& tiles,
                                  int tile_tokens, int me) {
  constexpr int kOutputs = Tiles<kRows, kStep, kGated>::kOutputs;
  const int warps = min(kCopyWarps, p.slots);  // more would overtake a phase
  const int total = tiles.mine() * tiles.steps;
  const int x_rows = min(tile_tokens, p.x_rows);
  const auto copy_weight = [&](int i, int slot) {
    const int tile = tiles.tile(i);
    const int chunk = tiles.chunk(i);
    const int row = tiles.first_row(tile);
    const int rows = min(kOutputs, (kGated ? p.rows : p.weight_rows) - row);
    barrier_expect(ring.full(slot), kStep * kChunkBytes * ((kGated ? 2 : 1) * rows + x_rows));
    const unsigned char* from =
        p.weight + (static_cast<long long>(chunk) * p.weight_rows + row) * kChunkBytes;
    unsigned int to = ring.weight(slot);
#pragma unroll
    for (int c = 0; c < kStep; c++) {
      bulk_copy(to, from, rows * kChunkBytes, ring.full(slot));
      if constexpr (kGated) {
        bulk_copy(to + kOutputs * kChunkBytes, from + static_cast<long long>(p.rows) * kChunkBytes,
                  rows * kChunkBytes, ring.full(slot));
      }
      from += static_cast<long long>(p.weight_rows) * kChunkBytes;
      to += kRows * kChunkBytes;
    }
  };
  const auto copy_x = [&](int i, int slot) {
    const int chunk = tiles.chunk(i);
    const int token = tiles.token_tile(tiles.tile(i)) * tile_tokens;
    const unsigned char* from =
        p.x + (static_cast<long long>(chunk) * p.x_rows + token) * kChunkBytes;
    if (x_rows == p.x_rows) {
      bulk_copy(ring.x(slot), from, kStep * x_rows * kChunkBytes, ring.full(slot));
      return;
    }
#pragma unroll
    for (int c = 0; c < kStep; c++) {
      bulk_copy(ring.x(slot) + c * x_rows * kChunkBytes,
                from + static_cast<long long>(c) * p.x_rows * kChunkBytes, x_rows * kChunkBytes,
                ring.full(slot));
    }
  };
  if (me >= warps || !elected()) {
    return;
  }
  const int ahead = min(p.slots, total);
  for (int i = me; i < ahead; i += warps) {
    copy_weight(i, i);
  }
  launch_next();
  wait_for_previous();
  for (int i = me; i < ahead; i += warps) {
    copy_x(i, i);
  }
  int i = ahead + (me + warps - ahead % warps) % warps;
  for (; i < total; i += warps) {
    const int slot = i % p.slots;
    barrier_wait(ring.empty(slot), (i / p.slots + 1) & 1);
    copy_weight(i, slot);
    copy_x(i, slot);
  }
}

// Stores two neighbouring outputs of a token.
__device__ inline void store_pair(const ChainParams& p, int token, int row, float first,
                                  float second) {
  if (token >= p.tokens || row >= p.rows) {
    return;
  }
  if (p.operand == 1) {
    *reinterpret_cast<unsigned int*>(static_cast<unsigned char*>(p.dst) +
                                     operand_offset(token, row, p.x_rows)) =
        pack_pair(first, second);
    return;
  }
  float* to = static_cast<float*>(p.dst) + static_cast<long long>(token) * p.dst_stride + row;
  if (p.operand == 2 && row + 1 < p.rows) {
    *reinterpret_cast<float2*>(to) = {first, second};
  } else {
    to[0] = first;
    if (row + 1 < p.rows) {
      to[1] = second;
    }
  }
}

}  // namespace krait

// Exports the weight rows and tokens of a kernel's tiles, the threads of a block, and the chunks of
// a slot of the ring.
#define KRAIT_CHAIN(name, rows, tokens, threads, chunks) \
  KRAIT_PARAMS(name, krait::ChainParams);                \
  KRAIT_CONSTANT(name##_rows, rows);                     \
  KRAIT_CONSTANT(name##_tokens, tokens);                 \
  KRAIT_CONSTANT(name##_threads, threads);               \
  KRAIT_CONSTANT(name##_chunks, chunks)
