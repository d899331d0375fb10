// dst[t, h] = softmax(scale q k) v over positions first..position[t], where first is 0 or, with a
// window, position[t] - window + 1; on tensor cores, keys and values bf16.
// A block computes 16 or 32 rows, those of a few tokens of a sequence that share a key/value head,
// over every gridDim.x-th split of the context. Its warps share the positions of a tile, then the
// elements of a head. With one block for all splits it merges them itself, else it leaves them in
// `partial` to attend_merge_splits, whose blocks compute a head of a token.
// Shapes: dst, queries [tokens, heads * head_dim]; keys [blocks, kv_heads, head_dim, block_tokens];
//   values [blocks, kv_heads, block_tokens, head_dim]; partial [tokens, heads, splits, head_dim +
//   2].
// head_dim a multiple of 8 up to that of the kernel's name, block_tokens a multiple of 16, scale
// above zero; dst fp32 or an operand.
// Precision: queries and weights rounded to bf16, fp32 sums cut by the tensor core at each step,
// exponentials within 2 units in the last place.
// Determinism: see attention.cuh; a row's bits follow from its inputs and its position.
#include "attention_tiles.cuh"

namespace krait {

constexpr int kMergeThreads = 128;  // two elements of a head each
constexpr int kWeightRowBytes = 2 * kTilePositions + 16;

template <int kDim, int kTiles, int kWarps>
struct FewShared {
  static constexpr int kRows = 16 * kTiles;
  char ring[HeadTile<kDim>::kStages][HeadTile<kDim>::kBytes];
  char queries[kRows * HeadTile<kDim>::kRowBytes];
  char weights[kRows * kWeightRowBytes];
  float largest[kWarps][kRows];
  AttendWork work;
};

template <int kDim, int kTiles, int kWarps>
__device__ inline void attend_few(const AttendTilesParams& p) {
  using Shared = FewShared<kDim, kTiles, kWarps>;
  static_assert(kWarps == kTileGroups);
  constexpr int kColumns = kDim / 8 / kWarps;
  extern __shared__ __align__(128) char memory[];
  auto& shared = *reinterpret_cast<Shared*>(memory);
  AttendWork& w = shared.work;
  if (!find_work<Shared::kRows>(p, w) || static_cast<int>(blockIdx.x) > split_of(w.high)) {
    return;
  }
  load_queries<kDim, Shared::kRows>(p, w, shared.queries);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const float factor = score_factor(p);
  const unsigned int weights = shared_place(shared.weights);
  Largest largest[kTiles][2];
  Merged merged[kTiles][2];
  float total[kTiles][4];
  float sums[kTiles][kColumns][4];
  float all[kTiles][kColumns][4] = {};
#pragma unroll
  for (int i = 0; i < 2 * kTiles; i++) {
    merged[i / 2][i % 2] = Merged();  // nvcc 13.0 zeroes all but the first row of the array
  }
  const auto begin = [&] {
#pragma unroll
    for (int m = 0; m < kTiles; m++) {
      largest[m][0] = largest[m][1] = Largest();
      total[m][0] = total[m][1] = total[m][2] = total[m][3] = 0.0f;
#pragma unroll
      for (int n = 0; n < kColumns; n++) {
        sums[m][n][0] = sums[m][n][1] = sums[m][n][2] = sums[m][n][3] = 0.0f;
      }
    }
  };
  const auto finish = [&](int split, bool is_last) {
#pragma unroll
    for (int i = 0; i < 2 * kTiles; i++) {
      const int m = i / 2;
      const int h = i % 2;
      const int row = 8 * i + lane / 4;
      const int element = warp * 8 * kColumns + lane % 4 * 2;
      if (gridDim.x > 1) {
        if (w.has(row)) {
          const long long at_row =
              (static_cast<long long>(w.token_of(row)) * p.heads + w.head_of(row)) * p.splits;
          float* to = p.partial + (at_row + split) * (p.head_dim + 2);
#pragma unroll
          for (int n = 0; n < kColumns; n++) {
            if (element + 8 * n < p.head_dim) {
              *reinterpret_cast<float2*>(to + element + 8 * n) = {sums[m][n][2 * h],
                                                                  sums[m][n][2 * h + 1]};
            }
          }
          if (warp == 0 && lane % 4 == 0) {
            *reinterpret_cast<float2*>(to + p.head_dim) = {largest[m][h].score, total[m][2 * h]};
          }
        }
      } else {
        const float2 factors = merged[m][h].merge(largest[m][h].score, total[m][2 * h], factor);
        const float inverse = inverse_of(merged[m][h].total);
#pragma unroll
        for (int n = 0; n < kColumns; n++) {
          float* sum = &all[m][n][2 * h];
          sum[0] = Merged::merge(sum[0], sums[m][n][2 * h], factors);
          sum[1] = Merged::merge(sum[1], sums[m][n][2 * h + 1], factors);
          if (is_last && w.has(row) && element + 8 * n < p.head_dim) {
            store_result(p, w.token_of(row), w.head_of(row) * p.head_dim + element + 8 * n,
                         __fmul_rn(sum[0], inverse), __fmul_rn(sum[1], inverse));
          }
        }
        if (is_last && warp == 0 && w.has(row) && w.head_of(row) + 1 == p.heads) {
          store_padding(p, w.token_of(row), lane % 4 * 2, 8);
        }
      }
    }
  };
  const auto compute = [&](int number, unsigned int tile) {
    float s[kTiles][2][4];
    multiply_keys<kDim, kTiles, 1>(s, shared_place(shared.queries), tile, warp);
    const int position = number * kTilePositions + warp * kGroupPositions + lane % 4 * 2;
#pragma unroll
    for (int m = 0; m < kTiles; m++) {
      const int last[2] = {w.last_of(16 * m + lane / 4) - position,
                           w.last_of(16 * m + 8 + lane / 4) - position};
      mask(s[m][0], 0, last, p.window);
      mask(s[m][1], 8, last, p.window);
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const float most = row_max(fmaxf(fmaxf(s[m][0][2 * h], s[m][0][2 * h + 1]),
                                         fmaxf(s[m][1][2 * h], s[m][1][2 * h + 1])));
        if (lane % 4 == 0) {
          shared.largest[warp][16 * m + 8 * h + lane / 4] = most;
        }
      }
    }
    __syncthreads();
#pragma unroll
    for (int m = 0; m < kTiles; m++) {
      float kept[2];
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const int row = 16 * m + 8 * h + lane / 4;
        const float most = fmaxf(fmaxf(shared.largest[0][row], shared.largest[1][row]),
                                 fmaxf(shared.largest[2][row], shared.largest[3][row]));
        kept[h] = largest[m][h].raise(most, factor);
      }
      scale_rows(total[m], kept);
#pragma unroll
      for (int n = 0; n < kColumns; n++) {
        scale_rows(sums[m][n], kept);
      }
#pragma unroll
      for (int n = 0; n < 2; n++) {
        unsigned int pairs[2];
        weights_of(s[m][n], factor, largest[m], pairs);
        char* to = shared.weights + (16 * m + lane / 4) * kWeightRowBytes +
                   (warp * kGroupPositions + 8 * n + lane % 4 * 2) * 2;
        *reinterpret_cast<unsigned int*>(to) = pairs[0];
        *reinterpret_cast<unsigned int*>(to + 8 * kWeightRowBytes) = pairs[1];
      }
    }
    __syncthreads();
#pragma unroll
    for (int g = 0; g < kTileGroups; g++) {
      unsigned int a[kTiles][4];
#pragma unroll
      for (int m = 0; m < kTiles; m++) {
        load_fragments(a[m],
                       weights + (16 * m + lane % 16) * kWeightRowBytes + g * 32 + lane / 16 * 16);
        add_weights(total[m], a[m]);
      }
      multiply_values<kDim, kTiles, kColumns>(sums, a, tile + HeadTile<kDim>::kKeyBytes, g,
                                              warp * kColumns);
    }
  };
  for_splits<kDim, kWarps>(p, w, shared.ring[0], begin, compute, finish);
}

}  // namespace krait

#define KRAIT_ATTEND_FEW(name, dim, tiles, blocks) \
  KRAIT_ATTEND_TILES(name, attend_few, FewShared, dim, tiles, 4, blocks)

KRAIT_ATTEND_FEW(attend_few_64_r16, 64, 1, 3);
KRAIT_ATTEND_FEW(attend_few_64_r32, 64, 2, 2);
KRAIT_ATTEND_FEW(attend_few_96_r16, 96, 1, 3);
KRAIT_ATTEND_FEW(attend_few_96_r32, 96, 2, 2);
KRAIT_ATTEND_FEW(attend_few_128_r16, 128, 1, 3);
KRAIT_ATTEND_FEW(attend_few_128_r32, 128, 2, 2);
KRAIT_ATTEND_FEW(attend_few_256_r16, 256, 1, 2);

extern "C" __global__ void __launch_bounds__(krait::kMergeThreads)
    attend_merge_splits(const __grid_constant__ krait::AttendTilesParams p) {
  krait::begin();
  const int token = blockIdx.x;
  const int head = blockIdx.y;
  const int element = 2 * static_cast<int>(threadIdx.x);
  if (element >= p.head_dim) {
    return;
  }
  const int last = p.step.tokens[token].position;
  const int to = krait::split_of(last);
  const float factor = krait::score_factor(p);
  krait::Merged merged;
  float2 sum = {0.0f, 0.0f};
  const float* row =
      p.partial + (static_cast<long long>(token) * p.heads + head) * p.splits * (p.head_dim + 2);
#pragma unroll 4
  for (int split = krait::split_of(krait::first_position(p, last)); split <= to; split++) {
    const float* from = row + static_cast<long long>(split) * (p.head_dim + 2);
    const float2 part = *reinterpret_cast<const float2*>(from + element);
    const float2 own = *reinterpret_cast<const float2*>(from + p.head_dim);
    const float2 factors = merged.merge(own.x, own.y, factor);
    sum.x = krait::Merged::merge(sum.x, part.x, factors);
    sum.y = krait::Merged::merge(sum.y, part.y, factors);
  }
  const float inverse = krait::inverse_of(merged.total);
  krait::store_result(p, token, head * p.head_dim + element, __fmul_rn(sum.x, inverse),
                      __fmul_rn(sum.y, inverse));
  if (head + 1 == p.heads) {
    krait::store_padding(p, token, element, p.head_dim);
  }
}
KRAIT_PARAMS(attend_merge_splits, krait::AttendTilesParams);
KRAIT_CONSTANT(attend_merge_splits_threads, krait::kMergeThreads);
KRAIT_CONSTANT(attend_split_positions, krait::kSplitPositions);
KRAIT_CONSTANT(attend_even_splits, krait::kEvenSplits);
KRAIT_CONSTANT(attend_octave_splits, krait::kOctaveSplits);
KRAIT_CONSTANT(attend_group_positions, krait::kGroupPositions);
