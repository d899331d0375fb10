// rope_angles    cos[t, i], sin[t, i] of position[t] frequency[i]
// rope_write_kv  rotates queries and keys in place, (a, b) -> (a cos - b sin, b cos + a sin) for
//   the halves of a head or of its first 2 * pairs elements, and writes keys and values to their
//   positions' blocks
// Shapes: cos, sin [tokens, pairs]; queries [tokens, heads * head_dim]; keys, values
//   [tokens, kv_heads * head_dim]; caches: keys [blocks, kv_heads, head_dim, block_tokens], values
//   [blocks, kv_heads, block_tokens, head_dim].
// A block computes one head of one token, a thread a pair of elements of every 128.
// fp32, keys and values kept as fp32 or bf16; any even head_dim.
// Precision: angles in fp64, the rest fp32. Determinism: no sums.
#include <cuda_bf16.h>

#include "step.cuh"

namespace krait {

constexpr int kRopeThreads = 64;

struct RopeAnglesParams {
  Rows cos;  // [tokens, pairs]
  Rows sin;  // [tokens, pairs]
  Step step;
  const double* frequency;  // [pairs]
  int pairs;
};

struct RopeWriteKvParams {
  Rows queries;  // [tokens, heads * head_dim]
  Rows keys;     // [tokens, kv_heads * head_dim]
  Rows values;   // [tokens, kv_heads * head_dim]
  Rows cos;      // [tokens, pairs]; data is null where nothing is rotated
  Rows sin;      // [tokens, pairs]
  Step step;
  void* key_cache;
  void* value_cache;
  int heads;     // of queries that are rotated
  int kv_heads;  // of keys and values that are written
  int head_dim;
  int block_tokens;
  int rounds;  // 1 when keys and values are kept as bf16, 0 for fp32
};

__device__ inline void rotate(float* head, const float* cos, const float* sin, int half) {
  for (int i = static_cast<int>(threadIdx.x); i < half; i += kRopeThreads) {
    const float a = head[i];
    const float b = head[half + i];
    head[i] = a * cos[i] - b * sin[i];
    head[half + i] = b * cos[i] + a * sin[i];
  }
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kRopeThreads)
    rope_angles(const __grid_constant__ krait::RopeAnglesParams p) {
  krait::begin();
  const double position = p.step.tokens[blockIdx.x].position;
  for (int i = static_cast<int>(threadIdx.x); i < p.pairs; i += krait::kRopeThreads) {
    double sine;
    double cosine;
    sincos(position * p.frequency[i], &sine, &cosine);
    p.cos.row(blockIdx.x)[i] = static_cast<float>(cosine);
    p.sin.row(blockIdx.x)[i] = static_cast<float>(sine);
  }
}
KRAIT_PARAMS(rope_angles, krait::RopeAnglesParams);

extern "C" __global__ void __launch_bounds__(krait::kRopeThreads)
    rope_write_kv(const __grid_constant__ krait::RopeWriteKvParams p) {
  krait::begin();
  const int token = blockIdx.x;
  const int half = p.cos.columns;
  const bool rotates = p.cos.data != nullptr;
  const float* cos = p.cos.row(token);
  const float* sin = p.sin.row(token);
  if (static_cast<int>(blockIdx.y) < p.heads) {
    krait::rotate(p.queries.row(token) + blockIdx.y * p.head_dim, cos, sin, half);
    return;
  }
  const int head = static_cast<int>(blockIdx.y) - p.heads;
  float* key = p.keys.row(token) + head * p.head_dim;
  const float* value = p.values.row(token) + head * p.head_dim;
  if (rotates) {
    krait::rotate(key, cos, sin, half);
    __syncthreads();
  }
  const int position = p.step.tokens[token].position;
  const int block = p.step.block(p.step.tokens[token].sequence, position, p.block_tokens);
  const int slot = position % p.block_tokens;
  const long long from =
      (static_cast<long long>(block) * p.kv_heads + head) * p.head_dim * p.block_tokens;
  for (int i = static_cast<int>(threadIdx.x); i < p.head_dim; i += krait::kRopeThreads) {
    const long long key_at = from + static_cast<long long>(i) * p.block_tokens + slot;
    const long long value_at = from + static_cast<long long>(slot) * p.head_dim + i;
    if (p.rounds != 0) {
      static_cast<__nv_bfloat16*>(p.key_cache)[key_at] = __float2bfloat16_rn(key[i]);
      static_cast<__nv_bfloat16*>(p.value_cache)[value_at] = __float2bfloat16_rn(value[i]);
    } else {
      static_cast<float*>(p.key_cache)[key_at] = key[i];
      static_cast<float*>(p.value_cache)[value_at] = value[i];
    }
  }
}
KRAIT_PARAMS(rope_write_kv, krait::RopeWriteKvParams);
KRAIT_CONSTANT(rope_threads, krait::kRopeThreads);
