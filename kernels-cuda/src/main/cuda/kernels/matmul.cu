// dst[t, r] = sum_k weight[r, k] x[t, k].
// Shapes: dst [tokens, rows], x [tokens, columns], weight [rows, padded] with zeros behind columns.
// A warp computes 2 or 4 rows for up to 8 tokens; where a matrix has few rows, the 8 warps of a
// block share them. A lane takes 8 columns of every 256.
// Weights fp16 or fp32 (bf16 ones are packed, see matmul_packed.cu), activations fp32; any shape.
// Precision: fp32 fused multiply-adds.
// Determinism: a lane adds in the order of k, then lanes, then warps: by the weight's shape alone.
#include "math.cuh"
#include "step.cuh"
#include "weights.cuh"

namespace krait {

struct MatmulParams {
  Rows dst;            // [tokens, rows]
  Rows x;              // [tokens, columns]
  const void* weight;  // [rows, padded]
  int rows;
  int columns;
  int padded;
  int tokens;
  int aligned;  // 1 when every row of x starts at a multiple of 16 bytes
};

constexpr int kMatmulWarps = 8;
constexpr int kLaneColumns = 8;
constexpr int kChunk = 32 * kLaneColumns;

// Two rows keep enough loads in flight for one token; more tokens share each weight and each
// activation among four rows.
template <int kTokens>
constexpr int kRowsFor = kTokens >= 4 ? 4 : 2;

// Chunks whose weights are in flight at a time.
template <int kTokens>
constexpr int kUnrollFor = kTokens >= 4 ? 2 : 4;

// Eight activations from column k on; zeros behind the last column.
__device__ inline void load_x(float* out, const float* row, int k, int columns, bool aligned) {
  if (aligned && k + kLaneColumns <= columns) {
    const float4 low = *reinterpret_cast<const float4*>(row + k);
    const float4 high = *reinterpret_cast<const float4*>(row + k + 4);
    out[0] = low.x;
    out[1] = low.y;
    out[2] = low.z;
    out[3] = low.w;
    out[4] = high.x;
    out[5] = high.y;
    out[6] = high.z;
    out[7] = high.w;
    return;
  }
#pragma unroll
  for (int i = 0; i < kLaneColumns; i++) {
    out[i] = k + i < columns ? row[k + i] : 0.0f;
  }
}

template <int kRows, int kTokens, typename T>
__device__ inline void accumulate(float (&sum)[kRows][kTokens], const Eight<T> (&weights)[kRows],
                                  const MatmulParams& p, int first_token, int k) {
  float w[kRows][kLaneColumns];
#pragma unroll
  for (int r = 0; r < kRows; r++) {
    weights[r].widen(w[r]);
  }
#pragma unroll
  for (int t = 0; t < kTokens; t++) {
    if (first_token + t < p.tokens) {
      float x[kLaneColumns];
      load_x(x, p.x.row(first_token + t), k, p.columns, p.aligned != 0);
#pragma unroll
      for (int r = 0; r < kRows; r++) {
#pragma unroll
        for (int i = 0; i < kLaneColumns; i++) {
          sum[r][t] = fmaf(w[r][i], x[i], sum[r][t]);
        }
      }
    }
  }
}

template <typename T, int kTokens, bool kShared>
__device__ inline void matmul(const MatmulParams& p) {
  constexpr int kRows = kRowsFor<kTokens>;
  constexpr int kUnroll = kUnrollFor<kTokens>;
  constexpr int kStep = kShared ? kMatmulWarps : 1;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int group = kShared ? blockIdx.y : blockIdx.y * kMatmulWarps + warp;
  const int first_row = group * kRows;
  const int first_token = static_cast<int>(blockIdx.x) * kTokens;
  if (first_row >= p.rows) {
    return;
  }
  const T* rows[kRows];
#pragma unroll
  for (int r = 0; r < kRows; r++) {
    const int row = min(first_row + r, p.rows - 1);
    rows[r] = static_cast<const T*>(p.weight) + static_cast<long long>(row) * p.padded;
  }
  float sum[kRows][kTokens] = {};
  const int chunks = (p.padded + kChunk - 1) / kChunk;
  const int full = p.padded / kChunk;
  int chunk = kShared ? warp : 0;
  for (; chunk + (kUnroll - 1) * kStep < full; chunk += kUnroll * kStep) {
    Eight<T> weights[kUnroll][kRows];
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
#pragma unroll
      for (int r = 0; r < kRows; r++) {
        weights[u][r].load(rows[r] + (chunk + u * kStep) * kChunk + lane * kLaneColumns);
      }
    }
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
      const int k = (chunk + u * kStep) * kChunk + lane * kLaneColumns;
      accumulate<kRows, kTokens, T>(sum, weights[u], p, first_token, k);
    }
  }
  for (; chunk < chunks; chunk += kStep) {
    const int k = chunk * kChunk + lane * kLaneColumns;
    if (k < p.padded) {
      Eight<T> weights[kRows];
#pragma unroll
      for (int r = 0; r < kRows; r++) {
        weights[r].load(rows[r] + k);
      }
      accumulate<kRows, kTokens, T>(sum, weights, p, first_token, k);
    }
  }
  // Lane r * kTokens + t keeps the sum of row r and token t.
  float mine = 0.0f;
#pragma unroll
  for (int r = 0; r < kRows; r++) {
#pragma unroll
    for (int t = 0; t < kTokens; t++) {
      const float all = warp_sum(sum[r][t]);
      mine = lane == r * kTokens + t ? all : mine;
    }
  }
  if constexpr (kShared) {
    __shared__ float partial[kMatmulWarps][32];
    partial[warp][lane] = mine;
    __syncthreads();
    if (warp != 0) {
      return;
    }
    mine = partial[0][lane];
#pragma unroll
    for (int w = 1; w < kMatmulWarps; w++) {
      mine += partial[w][lane];
    }
  }
  const int row = first_row + lane / kTokens;
  const int token = first_token + lane % kTokens;
  if (lane < kRows * kTokens && row < p.rows && token < p.tokens) {
    p.dst.row(token)[row] = mine;
  }
}

}  // namespace krait

#define KRAIT_MATMUL(name, type, tokens, shared)                         \
  extern "C" __global__ void __launch_bounds__(32 * krait::kMatmulWarps) \
      name(const __grid_constant__ krait::MatmulParams p) {              \
    krait::begin();                                                      \
    krait::matmul<type, tokens, shared>(p);                              \
  }                                                                      \
  KRAIT_PARAMS(name, krait::MatmulParams);                               \
  KRAIT_CONSTANT(name##_tokens, tokens);                                 \
  KRAIT_CONSTANT(name##_rows, krait::kRowsFor<tokens>*(shared ? 1 : krait::kMatmulWarps))

#define KRAIT_MATMULS(dtype, type)                         \
  KRAIT_MATMUL(matmul_##dtype##_t1, type, 1, false);       \
  KRAIT_MATMUL(matmul_##dtype##_t2, type, 2, false);       \
  KRAIT_MATMUL(matmul_##dtype##_t4, type, 4, false);       \
  KRAIT_MATMUL(matmul_##dtype##_t8, type, 8, false);       \
  KRAIT_MATMUL(matmul_##dtype##_t1_shared, type, 1, true); \
  KRAIT_MATMUL(matmul_##dtype##_t2_shared, type, 2, true); \
  KRAIT_MATMUL(matmul_##dtype##_t4_shared, type, 4, true); \
  KRAIT_MATMUL(matmul_##dtype##_t8_shared, type, 8, true)

KRAIT_MATMULS(f16, __half);
KRAIT_MATMULS(f32, float);
KRAIT_CONSTANT(matmul_threads, 32 * krait::kMatmulWarps);
KRAIT_CONSTANT(matmul_lane_columns, krait::kLaneColumns);
