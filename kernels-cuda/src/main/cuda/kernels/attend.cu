// dst[t, h] = softmax(q k / sqrt(head_dim)) v over positions first..position[t], where first is 0
// or, with a window, position[t] - window + 1.
// Shapes: dst, queries [tokens, heads * head_dim]; keys [blocks, kv_heads, head_dim, block_tokens];
//   values [blocks, kv_heads, block_tokens, head_dim]; partial [tokens, heads, chunks, head_dim +
//   2].
// A block computes up to four query heads of one key/value head for one token, over one chunk of 64
// positions (attend_split, then attend_merge) or over all of them, one chunk after another
// (attend). Keys and values fp32 or bf16, the rest fp32; head_dim up to 256. Precision: fp32, each
// chunk about its own largest score.
// Determinism: chunks begin at multiples of 64 positions and are merged in order by the same
// operations in both forms, so a row's bits follow from its position alone.
#include <cuda_bf16.h>

#include "math.cuh"
#include "operand.cuh"
#include "step.cuh"

namespace krait {

constexpr int kAttendThreads = 256;
constexpr int kChunkPositions = 64;
constexpr int kHeads = 4;                                  // query heads of a block
constexpr int kSlices = kAttendThreads / kChunkPositions;  // threads that share a score
constexpr int kMaxHeadDim = 256;
constexpr int kMostParts = 8;  // threads that share an output element

struct AttendParams {
  Rows dst;      // [tokens, heads * head_dim]
  Rows queries;  // [tokens, heads * head_dim]
  Step step;
  const void* keys;
  const void* values;
  float* partial;  // [tokens, heads, chunks, head_dim + 2]: largest score, sum of weights, sums
  int heads;
  int kv_heads;
  int head_dim;
  int block_tokens;
  int window;
  int chunks;
  int operand_rows;  // of dst where that is an operand, else 0
  float scale;
};

struct AttendShared {
  float query[kHeads][kMaxHeadDim];
  float score[kSlices][kHeads][kChunkPositions];
  float weight[kHeads][kChunkPositions];
  long long value_row[kChunkPositions];
  float sum[kMostParts][kHeads][kMaxHeadDim];
  float largest[kHeads];
  float total[kHeads];
};

// Largest score, sum of weights and one weighted sum of values.
struct Softmax {
  float largest;
  float total;
  float sum;

  // Takes in another chunk; rounded step by step, so that every form gives the same bits.
  __device__ void merge(float other_largest, float other_total, float other_sum) {
    const float both = fmaxf(largest, other_largest);
    const float mine = expf(largest - both);
    const float others = expf(other_largest - both);
    total = __fadd_rn(__fmul_rn(total, mine), __fmul_rn(other_total, others));
    sum = __fadd_rn(__fmul_rn(sum, mine), __fmul_rn(other_sum, others));
    largest = both;
  }
};

struct Span {
  int first;
  int last;

  __device__ Span(const AttendParams& p, int token)
      : first(p.window == 0 ? 0 : max(0, p.step.tokens[token].position - p.window + 1)),
        last(p.step.tokens[token].position) {}
};

__device__ inline float to_float(float v) { return v; }
__device__ inline float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }

// Scores, weights and weighted sums of one chunk; T is the type of keys and values. Afterwards
// `s.largest`, `s.total` and `s.sum[0]` hold what Softmax::merge takes.
template <typename T>
__device__ inline void attend_chunk(AttendShared& s, const AttendParams& p, const Span& span,
                                    int token, int kv_head, int heads, int chunk) {
  const int tid = static_cast<int>(threadIdx.x);
  const int slot = tid % kChunkPositions;
  const int slice = tid / kChunkPositions;
  const int position = chunk * kChunkPositions + slot;
  const bool valid = position >= span.first && position <= span.last;
  float score[kHeads] = {};
  if (valid) {
    const int block = p.step.block(p.step.tokens[token].sequence, position, p.block_tokens);
    const int in_block = position % p.block_tokens;
    const long long head = static_cast<long long>(block) * p.kv_heads + kv_head;
    if (slice == 0) {
      s.value_row[slot] = (head * p.block_tokens + in_block) * p.head_dim;
    }
    const T* key = static_cast<const T*>(p.keys) + head * p.head_dim * p.block_tokens + in_block;
    const int per_slice = (p.head_dim + kSlices - 1) / kSlices;
    const int end = min(p.head_dim, (slice + 1) * per_slice);
#pragma unroll 8
    for (int i = slice * per_slice; i < end; i++) {
      const float k = to_float(key[static_cast<long long>(i) * p.block_tokens]);
#pragma unroll
      for (int h = 0; h < kHeads; h++) {
        score[h] = fmaf(s.query[h][i], k, score[h]);
      }
    }
  }
#pragma unroll
  for (int h = 0; h < kHeads; h++) {
    s.score[slice][h][slot] = score[h];
  }
  __syncthreads();
  // Warp h takes head h: two positions a lane.
  const int warp = tid / 32;
  const int lane = tid % 32;
  if (warp < kHeads) {
    float both[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int at = lane + 32 * i;
      const int here = chunk * kChunkPositions + at;
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < kSlices; j++) {
        sum += s.score[j][warp][at];
      }
      both[i] = here >= span.first && here <= span.last ? sum * p.scale : -INFINITY;
    }
    const float largest = warp_max(fmaxf(both[0], both[1]));
    const float low = expf(both[0] - largest);
    const float high = expf(both[1] - largest);
    s.weight[warp][lane] = low;
    s.weight[warp][lane + 32] = high;
    const float total = warp_sum(low + high);
    if (lane == 0) {
      s.largest[warp] = largest;
      s.total[warp] = total;
    }
  }
  __syncthreads();
  const int parts = min(kMostParts, kAttendThreads / p.head_dim);
  const int element = tid % p.head_dim;
  const int part = tid / p.head_dim;
  if (part < parts) {
    float sum[kHeads] = {};
    const int from = max(0, span.first - chunk * kChunkPositions);
    const int to = min(kChunkPositions - 1, span.last - chunk * kChunkPositions);
    const int begin = from + (part - from % parts + parts) % parts;
#pragma unroll 4
    for (int j = begin; j <= to; j += parts) {
      const float v = to_float(static_cast<const T*>(p.values)[s.value_row[j] + element]);
#pragma unroll
      for (int h = 0; h < kHeads; h++) {
        sum[h] = fmaf(s.weight[h][j], v, sum[h]);
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
      s.sum[part][h][element] = sum[h];
    }
  }
  __syncthreads();
  for (int i = tid; i < heads * p.head_dim; i += kAttendThreads) {
    const int h = i / p.head_dim;
    const int e = i % p.head_dim;
    float sum = s.sum[0][h][e];
    for (int j = 1; j < parts; j++) {
      sum += s.sum[j][h][e];
    }
    s.sum[0][h][e] = sum;
  }
  __syncthreads();
}

// The first query head of a block and how many it has.
struct HeadGroup {
  int kv_head;
  int first;
  int count;

  __device__ explicit HeadGroup(const AttendParams& p) {
    const int shared = p.heads / p.kv_heads;
    const int groups = (shared + kHeads - 1) / kHeads;
    kv_head = static_cast<int>(blockIdx.y) / groups;
    const int from = static_cast<int>(blockIdx.y) % groups * kHeads;
    first = kv_head * shared + from;
    count = min(kHeads, shared - from);
  }
};

__device__ inline void load_queries(AttendShared& s, const AttendParams& p, const HeadGroup& group,
                                    int token) {
  const float* from = p.queries.row(token) + group.first * p.head_dim;
  for (int i = static_cast<int>(threadIdx.x); i < kHeads * p.head_dim; i += kAttendThreads) {
    s.query[i / p.head_dim][i % p.head_dim] = i < group.count * p.head_dim ? from[i] : 0.0f;
  }
  __syncthreads();
}

__device__ inline float* partial_of(const AttendParams& p, int token, int head, int chunk) {
  const long long row = (static_cast<long long>(token) * p.heads + head) * p.chunks + chunk;
  return p.partial + row * (p.head_dim + 2);
}

// This thread's element of a head; behind the last head the zeros of an operand.
__device__ inline void store_element(const AttendParams& p, int token, int head,
                                     const Softmax& own) {
  const int element = static_cast<int>(threadIdx.x);
  store(p.dst, p.operand_rows, token, head * p.head_dim + element, own.sum / own.total);
  if (head + 1 == p.heads) {
    for (int c = p.heads * p.head_dim + element; c < written_columns(p.dst, p.operand_rows);
         c += p.head_dim) {
      store(p.dst, p.operand_rows, token, c, 0.0f);
    }
  }
}

template <typename T>
__device__ inline void attend(const AttendParams& p) {
  extern __shared__ char memory[];
  auto& s = *reinterpret_cast<AttendShared*>(memory);
  const int token = blockIdx.x;
  const HeadGroup group(p);
  const Span span(p, token);
  load_queries(s, p, group, token);
  // An element of the four heads each, up to four of them a thread.
  Softmax own[kHeads];
#pragma unroll
  for (int i = 0; i < kHeads; i++) {
    own[i] = {-INFINITY, 0.0f, 0.0f};
  }
  for (int chunk = span.first / kChunkPositions; chunk <= span.last / kChunkPositions; chunk++) {
    attend_chunk<T>(s, p, span, token, group.kv_head, group.count, chunk);
    if (static_cast<int>(threadIdx.x) < p.head_dim) {
#pragma unroll
      for (int h = 0; h < kHeads; h++) {
        if (h < group.count) {
          own[h].merge(s.largest[h], s.total[h], s.sum[0][h][threadIdx.x]);
        }
      }
    }
    __syncthreads();
  }
  if (static_cast<int>(threadIdx.x) < p.head_dim) {
#pragma unroll
    for (int h = 0; h < kHeads; h++) {
      if (h < group.count) {
        store_element(p, token, group.first + h, own[h]);
      }
    }
  }
}

template <typename T>
__device__ inline void attend_split(const AttendParams& p) {
  extern __shared__ char memory[];
  auto& s = *reinterpret_cast<AttendShared*>(memory);
  const int token = blockIdx.x;
  const int chunk = blockIdx.z;
  const HeadGroup group(p);
  const Span span(p, token);
  if (chunk < span.first / kChunkPositions || chunk > span.last / kChunkPositions) {
    return;
  }
  load_queries(s, p, group, token);
  attend_chunk<T>(s, p, span, token, group.kv_head, group.count, chunk);
  for (int h = 0; h < group.count; h++) {
    float* to = partial_of(p, token, group.first + h, chunk);
    if (threadIdx.x == 0) {
      to[0] = s.largest[h];
      to[1] = s.total[h];
    }
    if (static_cast<int>(threadIdx.x) < p.head_dim) {
      to[2 + threadIdx.x] = s.sum[0][h][threadIdx.x];
    }
  }
}

}  // namespace krait

#define KRAIT_ATTEND(name, body, type)                                   \
  extern "C" __global__ void __launch_bounds__(krait::kAttendThreads, 2) \
      name(const __grid_constant__ krait::AttendParams p) {              \
    krait::begin();                                                      \
    krait::body<type>(p);                                                \
  }                                                                      \
  KRAIT_PARAMS(name, krait::AttendParams)

KRAIT_ATTEND(attend_f32, attend, float);
KRAIT_ATTEND(attend_bf16, attend, __nv_bfloat16);
KRAIT_ATTEND(attend_split_f32, attend_split, float);
KRAIT_ATTEND(attend_split_bf16, attend_split, __nv_bfloat16);

extern "C" __global__ void __launch_bounds__(krait::kMaxHeadDim)
    attend_merge(const __grid_constant__ krait::AttendParams p) {
  krait::begin();
  const int token = blockIdx.x;
  const int head = blockIdx.y;
  const krait::Span span(p, token);
  if (static_cast<int>(threadIdx.x) >= p.head_dim) {
    return;
  }
  krait::Softmax own{-INFINITY, 0.0f, 0.0f};
#pragma unroll 4
  for (int chunk = span.first / krait::kChunkPositions; chunk <= span.last / krait::kChunkPositions;
       chunk++) {
    const float* from = krait::partial_of(p, token, head, chunk);
    own.merge(from[0], from[1], from[2 + threadIdx.x]);
  }
  krait::store_element(p, token, head, own);
}
KRAIT_PARAMS(attend_merge, krait::AttendParams);

KRAIT_CONSTANT(attend_shared_bytes, sizeof(krait::AttendShared));
KRAIT_CONSTANT(attend_threads, krait::kAttendThreads);
KRAIT_CONSTANT(attend_chunk_positions, krait::kChunkPositions);
KRAIT_CONSTANT(attend_heads, krait::kHeads);
KRAIT_CONSTANT(attend_max_head_dim, krait::kMaxHeadDim);
