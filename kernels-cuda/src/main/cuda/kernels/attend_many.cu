// dst[t, h] = softmax(scale q k) v over positions first..position[t], where first is 0 or, with a
// window, position[t] - window + 1; on tensor cores, keys and values bf16.
// A block computes 128 rows (64 for heads of more than 128 elements), those of tokens of a sequence
// that share a key/value head, over the whole context, each warp a part of them. Sums of earlier
// splits lie in the rows' own queries.
// Shapes: dst, queries [tokens, heads * head_dim]; keys [blocks, kv_heads, head_dim, block_tokens];
//   values [blocks, kv_heads, block_tokens, head_dim].
// head_dim a multiple of 8 up to that of the kernel's name, block_tokens a multiple of 16, scale
// above zero; dst fp32 or an operand.
// Precision: queries and weights rounded to bf16, fp32 sums cut by the tensor core at each step,
// exponentials within 2 units in the last place.
// Determinism: see attention.cuh; a row's bits follow from its inputs and its position.
#include "attention_tiles.cuh"

namespace krait {

template <int kDim, int kTiles, int kWarps>
struct ManyShared {
  static constexpr int kRows = 16 * kTiles * kWarps;
  char ring[HeadTile<kDim>::kStages][HeadTile<kDim>::kBytes];
  char queries[kRows * HeadTile<kDim>::kRowBytes];
  Merged merged[kRows];
  float2 total[kTiles][32 * kWarps];  // of a thread's rows, in the present split
  AttendWork work;
};

template <int kDim, int kTiles, int kWarps>
__device__ inline void attend_many(const AttendTilesParams& p) {
  using Shared = ManyShared<kDim, kTiles, kWarps>;
  constexpr int kColumns = kDim / 8;
  constexpr int kGroups = kTileGroups;
  extern __shared__ __align__(128) char memory[];
  auto& shared = *reinterpret_cast<Shared*>(memory);
  AttendWork& w = shared.work;
  if (!find_work<Shared::kRows>(p, w)) {
    return;
  }
  load_queries<kDim, Shared::kRows>(p, w, shared.queries);
  const int first_row = static_cast<int>(threadIdx.x) / 32 * 16 * kTiles;
  const unsigned int queries = shared_place(shared.queries) + first_row * HeadTile<kDim>::kRowBytes;
  const float factor = score_factor(p);
  Largest largest[kTiles][2];
  float sums[kTiles][kColumns][4];
  for (int i = static_cast<int>(threadIdx.x); i < Shared::kRows; i += 32 * kWarps) {
    shared.merged[i] = Merged();
  }
  const auto begin = [&] {
#pragma unroll
    for (int m = 0; m < kTiles; m++) {
      largest[m][0] = largest[m][1] = Largest();
      shared.total[m][threadIdx.x] = {0.0f, 0.0f};
#pragma unroll
      for (int n = 0; n < kColumns; n++) {
        sums[m][n][0] = sums[m][n][1] = sums[m][n][2] = sums[m][n][3] = 0.0f;
      }
    }
  };
  const auto finish = [&](int, bool) {
    const int lane = computed_anew(threadIdx.x % 32);
#pragma unroll
    for (int i = 0; i < 2 * kTiles; i++) {
      const int m = i / 2;
      const int h = i % 2;
      const int row = computed_anew(first_row + 8 * i + lane / 4);
      Merged merged = shared.merged[row];
      const bool fresh = merged.largest == -INFINITY;
      const float2 own = shared.total[m][threadIdx.x];
      const float2 factors = merged.merge(largest[m][h].score, h == 0 ? own.x : own.y, factor);
      __syncwarp();
      if (lane % 4 == 0) {
        shared.merged[row] = merged;
      }
      __syncwarp();
      if (w.has(row)) {
        float* so_far = p.queries.row(w.token_of(row)) + w.head_of(row) * p.head_dim + lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < kColumns; n++) {
          if (8 * n < p.head_dim) {
            so_far[8 * n] = Merged::merge(fresh ? 0.0f : so_far[8 * n], sums[m][n][2 * h], factors);
            so_far[8 * n + 1] =
                Merged::merge(fresh ? 0.0f : so_far[8 * n + 1], sums[m][n][2 * h + 1], factors);
          }
          asm volatile("" ::: "memory");  // no more loads ahead than there are registers for
        }
      }
    }
  };
  const auto compute = [&](int number, unsigned int tile) {
    const int lane = computed_anew(threadIdx.x % 32);
    const int from = number * kTilePositions;
    const int to = from + kTilePositions - 1;
    // Positions of this warp's first and last token.
    const int low = w.position + first_row / w.width;
    const int high = min(w.high, w.position + (first_row + 16 * kTiles - 1) / w.width);
    if (low <= high && from <= high && to >= first_position(p, low)) {
      float s[kTiles][2 * kGroups][4];
      multiply_keys<kDim, kTiles, kGroups>(s, queries, tile, 0);
      if (to > low || from < first_position(p, high)) {
#pragma unroll
        for (int m = 0; m < kTiles; m++) {
          const int row = computed_anew(first_row + 16 * m + lane / 4);
          const int position = from + lane % 4 * 2;
          const int last[2] = {w.last_of(row) - position, w.last_of(row + 8) - position};
#pragma unroll
          for (int n = 0; n < 2 * kGroups; n++) {
            mask(s[m][n], 8 * n, last, p.window);
          }
        }
      }
      float kept[kTiles][2];
      bool rises = false;
#pragma unroll
      for (int i = 0; i < 2 * kTiles; i++) {
        const int m = i / 2;
        const int h = i % 2;
        float most = -INFINITY;
#pragma unroll
        for (int n = 0; n < 2 * kGroups; n++) {
          most = fmaxf(most, fmaxf(s[m][n][2 * h], s[m][n][2 * h + 1]));
        }
        kept[m][h] = largest[m][h].raise(row_max(most), factor);
        rises |= kept[m][h] != 1.0f;
      }
      unsigned int weights[kGroups][kTiles][4];
#pragma unroll
      for (int n = 0; n < 2 * kGroups; n++) {
#pragma unroll
        for (int m = 0; m < kTiles; m++) {
          weights_of(s[m][n], factor, largest[m], &weights[n / 2][m][n % 2 * 2]);
        }
      }
      // Multiplying by one changes nothing.
      if (__any_sync(0xffffffffu, rises)) {
#pragma unroll
        for (int m = 0; m < kTiles; m++) {
#pragma unroll
          for (int n = 0; n < kColumns; n++) {
            scale_rows(sums[m][n], kept[m]);
          }
        }
      }
      float total[kTiles][4];
#pragma unroll
      for (int m = 0; m < kTiles; m++) {
        const float2 own = shared.total[m][threadIdx.x];
        total[m][0] = total[m][1] = own.x;
        total[m][2] = total[m][3] = own.y;
        scale_rows(total[m], kept[m]);
#pragma unroll
        for (int g = 0; g < kGroups; g++) {
          add_weights(total[m], weights[g][m]);
        }
        shared.total[m][threadIdx.x] = {total[m][0], total[m][2]};
      }
#pragma unroll
      for (int g = 0; g < kGroups; g++) {
        multiply_values<kDim, kTiles, kColumns>(sums, weights[g], tile + HeadTile<kDim>::kKeyBytes,
                                                g, 0);
      }
    }
  };
  for_splits<kDim, kWarps>(p, w, shared.ring[0], begin, compute, finish);
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll 1
  for (int i = 0; i < 2 * kTiles; i++) {
    const int row = first_row + 8 * i + lane / 4;
    if (w.has(row)) {
      const int column = w.head_of(row) * p.head_dim + lane % 4 * 2;
      const float* all = p.queries.row(w.token_of(row)) + column;
      const float inverse = inverse_of(shared.merged[row].total);
#pragma unroll 4
      for (int n = 0; n < p.head_dim; n += 8) {
        store_result(p, w.token_of(row), column + n, __fmul_rn(all[n], inverse),
                     __fmul_rn(all[n + 1], inverse));
      }
      if (w.head_of(row) + 1 == p.heads) {
        store_padding(p, w.token_of(row), lane % 4 * 2, 8);
      }
    }
  }
}

}  // namespace krait

#define KRAIT_ATTEND_MANY(name, dim, tiles, warps) \
  KRAIT_ATTEND_TILES(name, attend_many, ManyShared, dim, tiles, warps, 2)

KRAIT_ATTEND_MANY(attend_many_64, 64, 1, 8);
KRAIT_ATTEND_MANY(attend_many_96, 96, 1, 8);
KRAIT_ATTEND_MANY(attend_many_128, 128, 2, 4);
KRAIT_ATTEND_MANY(attend_many_256, 256, 1, 4);
