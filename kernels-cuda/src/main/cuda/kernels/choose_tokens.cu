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
#include "choose.cuh"

namespace krait {

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
KRAIT_CONSTANT(choose_tokens_threads, krait::kChooseThreads);
KRAIT_CONSTANT(choose_tokens_sampling_bytes, sizeof(krait::Sampling));
KRAIT_CONSTANT(choose_tokens_chosen_bytes, sizeof(krait::Chosen));
