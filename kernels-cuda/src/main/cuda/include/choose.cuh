// A row of logits, what of it is kept, and sums of kept weights in a fixed order; see
// kernels/choose_tokens.cu.
#pragma once

#include "math.cuh"
#include "step.cuh"

namespace krait {

constexpr int kChooseThreads = 1024;
constexpr int kChooseWarps = kChooseThreads / 32;
constexpr int kAhead = 8;
constexpr int kPivots = 3;
constexpr int kPivotBits = 2;
static_assert(kChooseWarps == 32 && 32 % kPivotBits == 0);

// Logits that a warp keeps at hand, and how far below the largest, after temperature.
constexpr int kNear = 128;
constexpr double kReach = 8.0;

// Below this digit of a key, which ends within the mantissa, those that are left may be few.
constexpr int kNarrowShift = 22;

// How the token of an output is chosen, as dev.krait.cuda.CudaStep fills it.
struct Sampling {
  float temperature;  // 0: greedy
  float top_p;
  float min_p;
  int top_k;  // 0: all
  unsigned int seed_low;
  unsigned int seed_high;
  unsigned int position;
  int unused;
};

struct ChooseParams {
  Rows logits;               // [outputs, columns]
  const Sampling* sampling;  // [outputs]
  Chosen* chosen;            // [outputs]
  int columns;
  int probabilities;
};

// The logits that are kept: those above `key`, and up to the id `id` those equal to it.
struct Cut {
  unsigned int key;
  int id;

  __device__ bool keeps(unsigned int other, int index) const {
    return other > key || (other == key && index <= id);
  }
};

// What of a row lies above a cut.
struct Mass {
  double weight;
  int count;
};

// A number of the same order as a logit; -0 counts as 0, minus infinity and NaN as smallest.
__device__ inline unsigned int ordered(float logit) {
  const unsigned int bits = __float_as_uint(logit + 0.0f);
  const unsigned int key = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return logit > -INFINITY ? key : 0u;
}

// The logit of a number.
__device__ inline float logit_of(unsigned int key) {
  return __uint_as_float((key & 0x80000000u) != 0 ? key ^ 0x80000000u : ~key);
}

// dev.krait.sampling.PhiloxRandom for the purpose TOKEN.
__device__ inline double uniform(const Sampling& how) {
  unsigned int c0 = how.position;
  unsigned int c1 = 0;
  unsigned int c2 = 0;
  unsigned int c3 = 0;
  unsigned int key0 = how.seed_low;
  unsigned int key1 = how.seed_high;
  for (int round = 0; round < 10; round++) {
    const unsigned int high0 = __umulhi(0xD2511F53u, c0);
    const unsigned int low0 = 0xD2511F53u * c0;
    const unsigned int high1 = __umulhi(0xCD9E8D57u, c2);
    const unsigned int low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ key0;
    c2 = high0 ^ c3 ^ key1;
    c1 = low1;
    c3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  const unsigned long long bits = (static_cast<unsigned long long>(c0) << 32) | c1;
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

// One row of logits and how its token is drawn.
struct Row {
  const float* logits;
  int columns;
  double largest;
  double scale;
  double least_weight;  // min-p

  __device__ double weight(float logit) const {
    return exp((static_cast<double>(logit) - largest) * scale);
  }

  // Weight of a logit; 0 where it is dropped.
  __device__ double kept(int index, float logit, const Cut& cut) const {
    if (!(logit > -INFINITY) || !cut.keeps(ordered(logit), index)) {
      return 0.0;
    }
    const double w = weight(logit);
    return w >= least_weight ? w : 0.0;
  }
};

// Calls body(index, logit) for every stride-th logit of [first, end), from the first on; several
// are read at a time.
template <typename Body>
__device__ inline void for_logits(const float* logits, int first, int end, int stride, Body body) {
  for (int i = first; i < end; i += kAhead * stride) {
    float ahead[kAhead];
#pragma unroll
    for (int j = 0; j < kAhead; j++) {
      const int at = i + j * stride;
      ahead[j] = at < end ? logits[at] : -INFINITY;
    }
#pragma unroll
    for (int j = 0; j < kAhead; j++) {
      body(i + j * stride, ahead[j]);
    }
  }
}

// Room in shared memory for one value of each warp.
struct Shared {
  double weights[kChooseWarps][kPivots];
  int counts[kChooseWarps][kPivots];
  float values[kChooseWarps];
  int indices[kChooseWarps];
  int near_counts[kChooseWarps];
  unsigned int near[kChooseWarps][kNear];
};

// Logits of a segment where so many are cut into one for each warp: a multiple of 32.
__device__ inline int segment_of(int length) {
  return (length + 32 * kChooseWarps - 1) / (32 * kChooseWarps) * 32;
}

// Sums of kept weights over consecutive segments of [begin, begin + length), in shared memory.
__device__ inline void sum_segments(const Row& row, const Cut& cut, int begin, int length,
                                    Shared& shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int segment = segment_of(length);
  const int first = begin + warp * segment;
  const int end = min(first + segment, begin + length);
  double sum = 0.0;
  for_logits(row.logits, first + lane, end, 32,
             [&](int i, float logit) { sum += row.kept(i, logit, cut); });
  sum = warp_sum(sum);
  __syncthreads();
  if (lane == 0) {
    shared.weights[warp][0] = sum;
  }
  __syncthreads();
}

// All kept weights.
__device__ inline double total(const Row& row, const Cut& cut, Shared& shared) {
  sum_segments(row, cut, 0, row.columns, shared);
  return warp_sum(shared.weights[threadIdx.x % 32][0]);
}

}  // namespace krait
