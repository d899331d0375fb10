// Products of kernels/mamba_layers_sm90.cu: chains over weights in the ring and activations in
// shared memory.
#pragma once

#include "mamba_layers.cuh"
#include "mma.cuh"

namespace krait {

// The warps that compute meet.
__device__ inline void layer_sync() {
  asm volatile("bar.sync 1, %0;" ::"n"(kLayerThreads) : "memory");
}

// Where the pair of columns 2 i, 2 i + 1 of a token lies in the activations of a product, in words:
// the four words of a lane for 32 columns together.
__device__ inline int activation_word(int pair, int token, int tokens) {
  const int place = pair % 8;
  return ((pair / 16 * tokens + token) * 4 + place % 4) * 4 + pair / 8 % 2 * 2 + place / 4;
}

// The thread's number, which the compiler does not know to be that of before: else it keeps every
// address of every part of a layer in registers.
__device__ inline int own_thread() {
  int tid;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(tid));
  return tid;
}

// A tile of 8 weight rows of a warp: the lane's row and how its pieces are exchanged.
struct LaneRow {
  int offset;
  int key;
};

__device__ inline void load_words(uint4& v, unsigned int from) {
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(from)
               : "memory");
}

template <int kTiles>
struct LayerFragments {
  uint4 x[2];
  unsigned int weight[2][kTiles][4];
};

// The computing side of the ring and of the activations.
struct LayerProducts {
  const LayerRing& ring;
  unsigned int x;  // activations in shared memory
  int tokens;
  Cursor at;

  // sums = activations weight^T for `tiles` tiles, at most kTiles, over the chunks of a chain.
  template <int kTiles>
  __device__ void multiply(const Turns& turns, const LaneRow (&rows)[kTiles], int tiles, int chain,
                           int chains, float (&sums)[kTiles][4]) {
    const int lane = own_thread() % 32;
    const bool own_token = lane / 4 < tokens;
    const unsigned int own_x = x + lane * 16;
    const auto load = [&](LayerFragments<kTiles>& f, unsigned int slot, int chunk) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        f.x[half] = {0, 0, 0, 0};
        if (own_token) {
          load_words(f.x[half], own_x + (chunk * 2 + half) * tokens * 64);
        }
#pragma unroll
        for (int n = 0; n < kTiles; n++) {
          if (n < tiles) {
            load_fragments(f.weight[half][n],
                           slot + rows[n].offset + ((half * 4 + lane / 8) ^ rows[n].key) * 16);
          }
        }
      }
    };
    const auto add = [&](const LayerFragments<kTiles>& f) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const unsigned int first[4] = {f.x[half].x, 0, f.x[half].y, 0};
        const unsigned int second[4] = {f.x[half].z, 0, f.x[half].w, 0};
#pragma unroll
        for (int n = 0; n < kTiles; n++) {
          if (n < tiles) {
            multiply_add(sums[n], first, f.weight[half][n][0], f.weight[half][n][1]);
          }
        }
#pragma unroll
        for (int n = 0; n < kTiles; n++) {
          if (n < tiles) {
            multiply_add(sums[n], second, f.weight[half][n][2], f.weight[half][n][3]);
          }
        }
      }
    };
    // Four chunks are a step of a chain; chains take steps in turn.
    const auto next = [&](int chunk) {
      return chunk + 1 + (chains > 1 && chunk % 4 == 3 ? 4 * (chains - 1) : 0);
    };
    int chunk = 4 * chain;
    LayerFragments<kTiles> even;
    LayerFragments<kTiles> odd;
    for_turns(turns, [&](int first, int count) {
      barrier_wait(ring.full(at.slot), at.parity);
      const int end = tiles > 0 ? first + count : 0;
      const unsigned int slot = ring.slot(at.slot);
      const auto place = [&](int c) { return slot + (c - first) * turns.chunk_bytes; };
      if (chunk < end) {
        load(even, place(chunk), chunk);
      }
#pragma unroll 1
      while (chunk < end) {
        int following = next(chunk);
        if (following < end) {
          load(odd, place(following), following);
        }
        add(even);
        chunk = following;
        if (chunk >= end) {
          break;
        }
        following = next(chunk);
        if (following < end) {
          load(even, place(following), following);
        }
        add(odd);
        chunk = following;
      }
      release();
    });
  }

  __device__ void release() {
    __syncwarp();
    if (own_thread() % 32 == 0) {
      barrier_arrive(ring.empty(at.slot));
    }
    at.advance(ring.slots);
  }
};

}  // namespace krait
