// What the attention kernels on tensor cores share. The arithmetic of a row (a token's query head)
// follows from its own inputs and position:
//   Positions fall into splits with fixed borders, a split into tiles of 64 positions. Within a
//   split, tile after tile, scores are one chain of m16n8k16 over the head, the largest score so
//   far is subtracted, weights are rounded to bf16, and weights and weighted values are summed by
//   one chain over positions. Splits are merged in order.
//   A tile or split of which a row sees nothing changes no bit of it.
// So a row may share a block with any others, and any kernel may compute any of its splits.
#pragma once

#include <cuda_bf16.h>

#include "operand.cuh"
#include "step.cuh"

namespace krait {

constexpr int kTilePositions = 64;
constexpr int kGroupPositions = 16;  // that a warp copies; a cache block has a multiple of them
constexpr int kTileGroups = kTilePositions / kGroupPositions;

struct AttendTilesParams {
  Rows dst;      // [tokens, heads * head_dim]
  Rows queries;  // [tokens, heads * head_dim]; attend_many leaves sums of splits there
  Step step;
  const __nv_bfloat16* keys;    // [blocks, kv_heads, head_dim, block_tokens]
  const __nv_bfloat16* values;  // [blocks, kv_heads, block_tokens, head_dim]
  float* partial;               // [tokens, heads, splits, head_dim + 2]: sums, largest, total
  int sequences;
  int heads;
  int kv_heads;
  int head_dim;
  int block_tokens;
  int window;
  int splits;        // rows of `partial` for a head
  int operand_rows;  // of dst where that is an operand, else 0
  float scale;
};

// Splits are of 256 positions up to position 4,096; from there on eight make a power of two.
constexpr int kSplitPositions = 256;
constexpr int kEvenSplits = 16;
constexpr int kOctaveSplits = 8;

__device__ inline int split_of(int position) {
  if (position < kSplitPositions * kEvenSplits) {
    return position / kSplitPositions;
  }
  const int octave = 31 - __clz(position / (kSplitPositions * kEvenSplits));
  return kEvenSplits + octave * kOctaveSplits + position / (2 * kSplitPositions << octave) -
         kOctaveSplits;
}

__device__ inline int split_begin(int split) {
  if (split < kEvenSplits) {
    return split * kSplitPositions;
  }
  const int octave = (split - kEvenSplits) / kOctaveSplits;
  const int part = (split - kEvenSplits) % kOctaveSplits;
  return (kOctaveSplits + part) * (2 * kSplitPositions << octave);
}

// 2^v, within 2 units in the last place; exactly 1 for 0, and 0 for minus infinity.
__device__ inline float power_of_two(float v) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}

// 1 / v, within 1 unit in the last place.
__device__ inline float inverse_of(float v) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}

// The largest score of a row so far. Scores are in units of which `factor` make a power of two.
// Every step is rounded by itself: a product that is fused with a difference would not give exactly
// one for equal scores.
struct Largest {
  float score = -INFINITY;

  __device__ static float base(float largest) { return largest == -INFINITY ? 0.0f : largest; }

  // What sums about one score are multiplied by when they are taken about another.
  __device__ static float weight(float score, float base, float factor) {
    return power_of_two(__fmul_rn(__fsub_rn(score, base), factor));
  }

  // Takes in another; returns what sums so far are multiplied by.
  __device__ float raise(float other, float factor) {
    const float now = fmaxf(score, other);
    const float kept = weight(score, base(now), factor);
    score = now;
    return kept;
  }

  // What exponents have subtracted.
  __device__ float offset(float factor) const { return __fmul_rn(base(score), factor); }
};

// Sums of the splits of a row so far.
struct Merged {
  float largest = -INFINITY;
  float total = 0.0f;

  // Takes in a split; returns the factors of the sums so far and of the split's.
  __device__ float2 merge(float other_largest, float other_total, float factor) {
    const float now = fmaxf(largest, other_largest);
    const float base = Largest::base(now);
    const float2 factors = {Largest::weight(largest, base, factor),
                            Largest::weight(other_largest, base, factor)};
    total = merge(total, other_total, factors);
    largest = now;
    return factors;
  }

  __device__ static float merge(float sum, float other, float2 factors) {
    return __fmaf_rn(sum, factors.x, __fmul_rn(other, factors.y));
  }
};

// Scores are multiplied by it, so that weights are powers of two.
__device__ inline float score_factor(const AttendTilesParams& p) { return p.scale * 1.44269504f; }

__device__ inline int first_position(const AttendTilesParams& p, int last) {
  return p.window == 0 ? 0 : max(0, last - p.window + 1);
}

// Some tokens of a sequence and some query heads of a key/value head. In shared memory: sums take
// the registers.
struct AttendWork {
  TokenTile tile;
  int row;       // of the first token
  int position;  // of the first token
  int kv_head;
  int head;  // the first
  int heads;
  int width;  // rows from a token to the next
  int low;    // position from which on the first token sees
  int high;   // position of the last token

  __device__ bool has(int row) const { return row / width < tile.tokens && row % width < heads; }
  __device__ int token_of(int local) const { return row + local / width; }
  __device__ int head_of(int local) const { return head + local % width; }
  // Position up to which a row sees; -1 where there is none.
  __device__ int last_of(int local) const { return has(local) ? position + local / width : -1; }
};

// The work of this block, whose tiles have so many rows: blockIdx.y counts heads, blockIdx.z, from
// the end, places of tokens. False where a place is empty.
template <int kRows>
__device__ inline bool find_work(const AttendTilesParams& p, AttendWork& w) {
  const int shared = p.heads / p.kv_heads;
  const int width = min(shared, kRows);
  const int chunks = (shared + width - 1) / width;
  w.tile.find(p.step, p.sequences, static_cast<int>(gridDim.z - 1 - blockIdx.z), kRows / width);
  if (w.tile.tokens == 0) {
    return false;
  }
  if (threadIdx.x == 0) {
    const Sequence& sequence = p.step.sequences[w.tile.sequence];
    const int from = static_cast<int>(blockIdx.y) % chunks * width;
    w.row = sequence.first_row + w.tile.first;
    w.position = sequence.first_position + w.tile.first;
    w.kv_head = static_cast<int>(blockIdx.y) / chunks;
    w.head = w.kv_head * shared + from;
    w.heads = min(width, shared - from);
    w.width = width;
    w.low = first_position(p, w.position);
    w.high = w.position + w.tile.tokens - 1;
  }
  __syncthreads();
  return true;
}

// Tiles of every gridDim.x-th split that a block's rows see.
struct TileCursor {
  int tile;
  int end;  // behind the split's last
  int split;

  __device__ explicit TileCursor(const AttendWork& w) {
    const int from = split_of(w.low);
    const int every = static_cast<int>(gridDim.x);
    const int mine = static_cast<int>(blockIdx.x);
    enter(w, from + (mine + every - from % every) % every);
  }
  __device__ void enter(const AttendWork& w, int next) {
    split = next;
    tile = max(split_begin(split), w.low) / kTilePositions;
    end = min(split_begin(split + 1) - 1, w.high) / kTilePositions + 1;
  }
  __device__ bool valid(const AttendWork& w) const { return tile * kTilePositions <= w.high; }
  __device__ void advance(const AttendWork& w) {
    if (++tile == end) {
      enter(w, split + static_cast<int>(gridDim.x));
    }
  }
};

// Two neighbouring elements of the result.
__device__ inline void store_result(const AttendTilesParams& p, int token, int column, float first,
                                    float second) {
  if (p.operand_rows != 0) {
    *reinterpret_cast<unsigned int*>(reinterpret_cast<unsigned char*>(p.dst.data) +
                                     operand_offset(token, column, p.operand_rows)) =
        pack_pair(first, second);
    return;
  }
  float* to = p.dst.row(token) + column;
  to[0] = first;
  to[1] = second;
}

// The zeros behind the last column of an operand, every so many from one on.
__device__ inline void store_padding(const AttendTilesParams& p, int token, int from, int every) {
  const int columns = p.heads * p.head_dim;
  for (int c = columns + from; c < written_columns(p.dst, p.operand_rows); c += every) {
    store_result(p, token, c, 0.0f, 0.0f);
  }
}

}  // namespace krait
