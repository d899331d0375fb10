// tokens[o] = the token behind output o, -1 where there is none: the largest logit, or one drawn
// from what temperature, top-k, top-p and min-p leave (dev.krait.sampling.Sampler), with the Philox
// number of its seed and position. NaN counts as smaller than everything; where the largest is not
// a finite number there is no token. `probability` is that of the token where it is asked for: of a
// greedy one its softmax, not defined beside NaN. Shapes: logits [outputs, at least columns].
// A block computes one row. Its logits, read from L2 again and again, are cut into consecutive
// segments of which each warp sums up one. What tokens are kept is found two bits of the smallest
// kept logit at a time, among the few that are within reach of the largest one; where those do not
// suffice or are not few, among all until few are left. fp32 logits; any number of columns.
// Precision: weights and their sums in fp64; that of a greedy token in fp32, columns / 1024 + 10
// roundings. Determinism: the order of every sum follows from the number of columns alone, and the
// token from its own row.
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

__device__ inline double warp_sum(double v) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    v += __shfl_xor_sync(0xffffffffu, v, distance);
  }
  return v;
}

__device__ inline int warp_sum(int v) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    v += __shfl_xor_sync(0xffffffffu, v, distance);
  }
  return v;
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

// Has each warp keep those keys of its logits that are in [least, most].
//
// false when they are more than there is room for
__device__ inline bool keep_near(const Row& row, unsigned int least, unsigned int most,
                                 Shared& shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int count = 0;
  for (int at = 32 * warp; at < row.columns; at += kAhead * kChooseThreads) {
    unsigned int keys[kAhead];
#pragma unroll
    for (int j = 0; j < kAhead; j++) {
      const int i = at + j * kChooseThreads + lane;
      keys[j] = i < row.columns ? ordered(row.logits[i]) : 0u;
    }
#pragma unroll
    for (int j = 0; j < kAhead; j++) {
      const bool near = keys[j] >= least && keys[j] <= most && keys[j] != 0;
      const unsigned int all = __ballot_sync(0xffffffffu, near);
      const int place = count + __popc(all & ((1u << lane) - 1));
      if (near && place < kNear) {
        shared.near[warp][place] = keys[j];
      }
      count += __popc(all);
    }
  }
  if (lane == 0) {
    shared.near_counts[warp] = count;
  }
  return __syncthreads_and(count <= kNear ? 1 : 0) != 0;
}

// Adds a logit to what lies at or above each pivot floor + (j << shift), j from 1 on, and below the
// one behind the last.
__device__ inline void add_to(Mass (&result)[kPivots], const Row& row, unsigned int key,
                              unsigned int floor, int shift, bool weighs) {
  const unsigned int digit = (key - floor) >> shift;
  if (key < floor || key == 0 || digit == 0 || digit > kPivots) {
    return;
  }
  const double w = weighs ? row.weight(logit_of(key)) : 0.0;
#pragma unroll
  for (int j = 0; j < kPivots; j++) {
    if (static_cast<int>(digit) > j) {
      result[j].weight += w;
      result[j].count++;
    }
  }
}

// Where keys are looked for, and whether they are weighed.
struct Search {
  bool near;
  bool weighs;
};

// Counts and weighs what lies at or above each pivot and below the one behind the last.
__device__ inline void weigh(const Row& row, unsigned int floor, int shift, const Search& search,
                             Mass (&result)[kPivots], Shared& shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int j = 0; j < kPivots; j++) {
    result[j] = {0.0, 0};
  }
  if (search.near) {
    for (int i = lane; i < shared.near_counts[warp]; i += 32) {
      add_to(result, row, shared.near[warp][i], floor, shift, search.weighs);
    }
  } else {
    for_logits(row.logits, static_cast<int>(threadIdx.x), row.columns, kChooseThreads,
               [&](int, float logit) {
                 add_to(result, row, ordered(logit), floor, shift, search.weighs);
               });
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < kPivots; j++) {
    const double w = warp_sum(result[j].weight);
    const int n = warp_sum(result[j].count);
    if (lane == 0) {
      shared.weights[warp][j] = w;
      shared.counts[warp][j] = n;
    }
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < kPivots; j++) {
    result[j] = {warp_sum(shared.weights[lane][j]), warp_sum(shared.counts[lane][j])};
  }
}

// The id of the n-th logit equal to a key, counted from 1.
__device__ inline int nth_equal(const Row& row, unsigned int key, int n, Shared& shared) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int segment = segment_of(row.columns);
  const int first = warp * segment;
  const int end = min(first + segment, row.columns);
  int count = 0;
  for (int i = first + lane; i < end; i += 32) {
    count += ordered(row.logits[i]) == key ? 1 : 0;
  }
  count = warp_sum(count);
  __syncthreads();
  if (lane == 0) {
    shared.counts[warp][0] = count;
  }
  __syncthreads();
  int before = 0;
  for (int other = 0; other < warp; other++) {
    before += shared.counts[other][0];
  }
  if (before < n && before + count >= n) {
    for (int at = first; before < n; at += 32) {
      const int i = at + lane;
      const unsigned int equal =
          __ballot_sync(0xffffffffu, i < end && ordered(row.logits[i]) == key);
      const int here = __popc(equal);
      if (before + here >= n) {
        shared.indices[0] = at + static_cast<int>(__fns(equal, 0, n - before));
      }
      before += here;
    }
  }
  __syncthreads();
  return shared.indices[0];
}

// The smallest set of largest logits, the smaller id first among equals, that are `count` or weigh
// `needed`; all where they never do.
__device__ inline Cut find_among(const Row& row, int count, double needed, bool near,
                                 Shared& shared) {
  Search search{near, needed < INFINITY};
  unsigned int floor = 0;
  Mass above{0.0, 0};
  for (int shift = 32 - kPivotBits; shift >= 0; shift -= kPivotBits) {
    if (!search.near && shift < kNarrowShift && shift >= kNarrowShift - 4 * kPivotBits) {
      const unsigned int most = floor + ((kPivots + 1u) << shift) - 1;
      search.near = keep_near(row, floor, most, shared);
    }
    Mass masses[kPivots];
    weigh(row, floor, shift, search, masses, shared);
    int digit = 0;
    Mass beyond = above;
#pragma unroll
    for (int j = kPivots; j > 0; j--) {
      const Mass here{above.weight + masses[j - 1].weight, above.count + masses[j - 1].count};
      if (digit == 0 && (here.count >= count || here.weight >= needed)) {
        digit = j;
      }
      if (digit == 0) {
        beyond = here;
      }
    }
    floor += static_cast<unsigned int>(digit) << shift;
    above = beyond;
  }
  if (floor == 0) {
    return {0, row.columns};
  }
  // `above` lies above the smallest kept logit; of those equal to it so many are needed.
  int equal = count - above.count;
  if (search.weighs) {
    const double times = ceil((needed - above.weight) / row.weight(logit_of(floor)));
    equal = times < equal ? static_cast<int>(times) : equal;
  }
  equal = max(equal, 1);
  Mass masses[kPivots];
  weigh(row, floor - 1, 0, {search.near, false}, masses, shared);
  const int there = masses[0].count - masses[1].count;
  return {floor, equal >= there ? row.columns : nth_equal(row, floor, equal, shared)};
}

__device__ inline Cut find(const Row& row, int count, double needed, Shared& shared) {
  const auto least = ordered(static_cast<float>(row.largest - kReach / row.scale));
  if (keep_near(row, least, 0xffffffffu, shared)) {
    const Cut cut = find_among(row, count, needed, true, shared);
    if (cut.key != 0) {
      return cut;
    }
  }
  return find_among(row, count, needed, false, shared);
}

// The token in which a number of [0, total) falls when kept weights are laid end to end in id
// order; the sums of all segments have just been made.
__device__ inline int draw(const Row& row, const Cut& cut, double number, Shared& shared) {
  int begin = 0;
  int length = row.columns;
  int segment = segment_of(length);
  while (true) {
    // The last segment with a weight takes what rounding leaves beyond.
    int chosen = 0;
    double before = 0.0;
    double sum = 0.0;
#pragma unroll 4
    for (int warp = 0; warp < kChooseWarps; warp++) {
      const double w = shared.weights[warp][0];
      if (w > 0.0 && sum <= number) {
        chosen = warp;
        before = sum;
      }
      sum += w;
    }
    number -= before;
    length = min(segment, length - chosen * segment);
    begin += chosen * segment;
    if (length <= 32) {
      break;
    }
    segment = segment_of(length);
    sum_segments(row, cut, begin, length, shared);
  }
  int token = -1;
  double sum = 0.0;
  for (int i = begin; i < begin + length; i++) {
    const double w = row.kept(i, row.logits[i], cut);
    if (w > 0.0 && sum <= number) {
      token = i;
    }
    sum += w;
  }
  return token;
}

__device__ inline Chosen sample(Row& row, const Sampling& how, Shared& shared) {
  const int count = how.top_k == 0 ? row.columns : min(how.top_k, row.columns);
  Cut cut{0, row.columns};
  if (count < row.columns) {
    cut = find(row, count, INFINITY, shared);
  }
  if (how.top_p < 1.0f) {
    const double needed = static_cast<double>(how.top_p) * total(row, cut, shared);
    cut = find(row, count, needed, shared);
  }
  row.least_weight = static_cast<double>(how.min_p);
  const double all = total(row, cut, shared);
  const int token = draw(row, cut, uniform(how) * all, shared);
  return {token, static_cast<float>(row.weight(row.logits[token]) / all)};
}

struct Best {
  float value;
  int index;

  __device__ void take(float other_value, int other_index) {
    if (other_value > value || (other_value == value && other_index < index)) {
      value = other_value;
      index = other_index;
    }
  }

  __device__ void take_of_warp() {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      const float other_value = __shfl_xor_sync(0xffffffffu, value, distance);
      const int other_index = __shfl_xor_sync(0xffffffffu, index, distance);
      take(other_value, other_index);
    }
  }
};

// The largest logit of a row, the smallest id of equals, in every thread.
__device__ inline Best largest(const float* logits, int columns, Shared& shared) {
  const int tid = static_cast<int>(threadIdx.x);
  Best best{-INFINITY, columns};
#pragma unroll 8
  for (int i = tid; i < columns; i += kChooseThreads) {
    best.take(logits[i], i);
  }
  best.take_of_warp();
  if (tid % 32 == 0) {
    shared.values[tid / 32] = best.value;
    shared.indices[tid / 32] = best.index;
  }
  __syncthreads();
  const int other = tid % 32;
  best = {shared.values[other], shared.indices[other]};
  best.take_of_warp();
  return best;
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kChooseThreads)
    choose_tokens(const __grid_constant__ krait::ChooseParams p) {
  krait::begin();
  __shared__ krait::Shared shared;
  const float* logits = p.logits.row(blockIdx.x);
  const krait::Sampling how = p.sampling[blockIdx.x];
  const krait::Best best = krait::largest(logits, p.columns, shared);
  krait::Chosen chosen{-1, 0.0f};
  if (!isinf(best.value)) {
    if (how.temperature > 0.0f) {
      krait::Row row{logits, p.columns, best.value, 1.0 / how.temperature, 0.0};
      chosen = krait::sample(row, how, shared);
    } else {
      chosen.id = best.index;
      if (p.probabilities != 0) {
        float sum = 0.0f;
#pragma unroll 8
        for (int i = static_cast<int>(threadIdx.x); i < p.columns; i += krait::kChooseThreads) {
          sum += expf(logits[i] - best.value);
        }
        chosen.probability = 1.0f / krait::block_sum<krait::kChooseThreads>(sum, shared.values);
      }
    }
  }
  if (threadIdx.x == 0) {
    p.chosen[blockIdx.x] = chosen;
  }
}
KRAIT_PARAMS(choose_tokens, krait::ChooseParams);
