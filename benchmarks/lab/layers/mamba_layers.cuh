// What the blocks of kernels/mamba_layers_sm90.cu compute, and how warps that copy bring weights into
// a ring in shared memory.
#pragma once

#include "chain.cuh"
#include "exchange.cuh"

namespace krait {

constexpr int kLayerWarps = 8;  // that compute
constexpr int kLayerThreads = 32 * kLayerWarps;
constexpr int kLayerAllThreads = kLayerThreads + 32 * kCopyWarps;
constexpr int kLayerTokens = 8;
constexpr int kLayerStates = 16;
constexpr int kLayerTaps = 4;
constexpr int kLayerChannels = 8 * kLayerWarps;  // of a block at most
constexpr int kLayerRank = 256;                  // at most
constexpr int kLayerWidth = 4096;                // at most
constexpr int kLayerChains = 4;                  // of an output of `select`
constexpr int kLayerNormThreads = 1024;          // of rms_norm.cu, whose order of sums this has
constexpr int kQuarterStates = kLayerStates / 4;

// A layer's weights and memory. Operands as operand.cuh says.
struct MambaLayer {
  const float* norm;             // [width]
  const unsigned char* in;       // operand of 2 inner rows: gate, then x
  const float* taps;             // [inner, 4]
  const float* conv_bias;        // [inner]
  const unsigned char* select;   // operand of rank + 32 rows: step sizes, B, C
  const unsigned char* time;     // operand of inner rows
  const float* time_bias;        // [inner]
  const float* a;                // [16, inner]
  const float* d;                // [inner]
  const unsigned char* out;      // operand of width rows
  float* ring;                   // [slots, ring_tokens, inner]
  float* state;                  // [slots, 16, inner]
  float* window;                 // [slots, window_tokens, 2 inner + 16]
};

struct MambaLayersParams {
  Rows x;  // [tokens, width]
  Step step;
  const MambaLayer* layers;
  Word* words;           // kReplicas times 8 (inner + select_rows + width)
  unsigned int* number;  // [blocks] of the last exchange, the same for all
  int layer_count;
  int tokens;
  int inner;
  int rank;
  int select_rows;  // rank + 32, and zeros up to a whole tile
  int chains;  // of an output of `select`: 1 or 4
  int ring_tokens;
  int window_tokens;
  float epsilon;
  int slot_bytes;
  int slots;
};

// What this block computes in every layer.
struct LayerShare {
  int channel;
  int channels;  // a multiple of 4
  int out_tile;  // of 8 rows
  int out_tiles;
  int select_tile;  // -1: none

  __device__ explicit LayerShare(const MambaLayersParams& p) {
    const int block = static_cast<int>(blockIdx.x);
    const int blocks = static_cast<int>(gridDim.x);
    const int tiles = p.inner / 4;
    channel = 4 * (block * tiles / blocks);
    channels = 4 * ((block + 1) * tiles / blocks) - channel;
    // Tiles of both products are dealt out evenly; those of `select` to the first blocks that have
    // any, one to a block.
    const int selects = p.select_rows / 8;
    const int all = p.x.columns / 8 + selects;
    const int from = block * all / blocks;
    const int to = (block + 1) * all / blocks;
    const int before = min(block, from);
    select_tile = to > from && before < selects ? before : -1;
    out_tile = from - min(before, selects);
    out_tiles = to - from - (select_tile >= 0 ? 1 : 0);
  }
};

// Shared memory that is not the ring.
struct LayerMemory {
  float gate[kLayerTokens][kLayerChannels];
  float raw[kLayerTokens][kLayerChannels];
  float x[kLayerTokens][kLayerChannels];
  float time_step[kLayerTokens][kLayerChannels];
  unsigned int low_rank[kLayerTokens][kLayerRank / 2 + 4];  // pairs, rows in different banks
  float selected[kLayerTokens][2 * kLayerStates];
  float2 chains[kLayerChains - 1][32];
  float scratch[32];
};

// The ring's slots, its barriers behind them.
struct LayerRing {
  unsigned int start;
  int slot_bytes;
  int slots;

  __device__ unsigned int slot(int i) const { return start + i * slot_bytes; }
  __device__ unsigned int full(int i) const { return start + slots * slot_bytes + 8 * i; }
  __device__ unsigned int empty(int i) const { return full(slots) + 8 * i; }
};

// How the weights of a product lie in the ring: in turns of as many chunks as fit in a slot.
struct Turns {
  int chunks;
  int chunk_bytes;
  int each;

  __device__ Turns(const LayerRing& ring, int chunks, int chunk_bytes)
      : chunks(chunks), chunk_bytes(chunk_bytes), each(ring.slot_bytes / chunk_bytes) {}
};

// Of `in`: the rows of gates, then those of x, half a row of banks further, so that neighbours of
// both lie in different ones.
__device__ inline int in_chunk_bytes(int channels) { return (2 * channels + 1) * kChunkBytes; }
__device__ inline int in_x_offset(int channels) { return channels * kChunkBytes + kChunkBytes / 2; }

// Calls turn(first chunk, chunks) for each turn.
template <typename Turn>
__device__ inline void for_turns(const Turns& turns, Turn turn) {
#pragma unroll 1
  for (int first = 0; first < turns.chunks; first += turns.each) {
    turn(first, min(turns.each, turns.chunks - first));
  }
}

// One of the copying warps: takes every fourth turn of all products of all layers.
__device__ inline void copy_layers(const MambaLayersParams& p, const LayerRing& ring,
                                   const LayerShare& share, int me) {
  if (!elected()) {
    return;
  }
  int turn = 0;
  const auto take = [&](int bytes, auto copy) {
    if (turn % kCopyWarps == me) {
      const int slot = turn % ring.slots;
      const int round = turn / ring.slots;
      if (round > 0) {
        barrier_wait(ring.empty(slot), (round + 1) & 1);
      }
      barrier_expect(ring.full(slot), bytes);
      copy(ring.slot(slot), ring.full(slot));
    }
    turn++;
  };
  const int inner_bytes = p.inner * kChunkBytes;
  const int channel_bytes = share.channels * kChunkBytes;
  for (int l = 0; l < p.layer_count; l++) {
    const MambaLayer& layer = p.layers[l];
    if (share.channels > 0) {
      const Turns turns(ring, p.x.columns / kChunkColumns, in_chunk_bytes(share.channels));
      const unsigned char* in = layer.in;
      for_turns(turns, [&](int first, int count) {
        take(2 * count * channel_bytes, [&](unsigned int to, unsigned int full) {
          const unsigned char* from =
              in + static_cast<long long>(first) * 2 * inner_bytes + share.channel * kChunkBytes;
          for (int c = 0; c < count; c++) {
            bulk_copy(to, from, channel_bytes, full);
            bulk_copy(to + in_x_offset(share.channels), from + inner_bytes, channel_bytes, full);
            to += turns.chunk_bytes;
            from += 2 * inner_bytes;
          }
        });
      });
    }
    const auto take_rows = [&](const unsigned char* weight, int rows, int row, int own) {
      const Turns turns(ring, p.inner / kChunkColumns, own * kChunkBytes);
      for_turns(turns, [&](int first, int count) {
        take(count * turns.chunk_bytes, [&](unsigned int to, unsigned int full) {
          for (int c = first; c < first + count; c++) {
            bulk_copy(to, weight + (static_cast<long long>(c) * rows + row) * kChunkBytes,
                      turns.chunk_bytes, full);
            to += turns.chunk_bytes;
          }
        });
      });
    };
    if (share.select_tile >= 0) {
      take_rows(layer.select, p.select_rows, 8 * share.select_tile, 8);
    }
    if (share.channels > 0) {
      const int chunks = (p.rank + kChunkColumns - 1) / kChunkColumns;
      const unsigned char* from = layer.time + share.channel * kChunkBytes;
      take(chunks * channel_bytes, [&](unsigned int to, unsigned int full) {
        for (int c = 0; c < chunks; c++) {
          bulk_copy(to + c * channel_bytes, from + c * inner_bytes, channel_bytes, full);
        }
      });
    }
    if (share.out_tiles > 0) {
      take_rows(layer.out, p.x.columns, 8 * share.out_tile, 8 * share.out_tiles);
    }
  }
}

}  // namespace krait
