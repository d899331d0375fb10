// dst[t] = index of the largest of logits[t, 0..columns), the smallest index of equals; -1 when
// that is not a finite number. NaN counts as smaller than everything. Where `probabilities` is not
// null, probabilities[t] = 1 / sum_k exp(logits[t, k] - largest), the softmax of that logit, not
// defined beside a dst of -1. Shapes: logits [tokens, at least columns], dst and probabilities
// [tokens]. A block computes one row, a thread every 1024th element. fp32; any number of columns.
// Precision: none lost in dst; the sum has columns / 1024 + 10 roundings. Determinism: dst does not
// depend on an order, that of the sum follows from the number of columns.
#include "math.cuh"
#include "step.cuh"

namespace krait {

constexpr int kArgMaxThreads = 1024;

struct ArgMaxParams {
  Rows logits;           // [tokens, columns]
  int* dst;              // [tokens]
  float* probabilities;  // [tokens] or null
  int columns;
};

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

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kArgMaxThreads)
    arg_max(const __grid_constant__ krait::ArgMaxParams p) {
  krait::begin();
  __shared__ float values[krait::kArgMaxThreads / 32];
  __shared__ int indices[krait::kArgMaxThreads / 32];
  const float* logits = p.logits.row(blockIdx.x);
  const int tid = static_cast<int>(threadIdx.x);
  krait::Best best{-INFINITY, p.columns};
#pragma unroll 8
  for (int i = tid; i < p.columns; i += krait::kArgMaxThreads) {
    best.take(logits[i], i);
  }
  best.take_of_warp();
  if (tid % 32 == 0) {
    values[tid / 32] = best.value;
    indices[tid / 32] = best.index;
  }
  __syncthreads();
  if (tid < 32) {
    best = {values[tid], indices[tid]};
    best.take_of_warp();
    if (tid == 0) {
      p.dst[blockIdx.x] = isinf(best.value) ? -1 : best.index;
      values[0] = best.value;
    }
  }
  if (p.probabilities == nullptr) {
    return;
  }
  __syncthreads();
  const float largest = values[0];
  float sum = 0.0f;
#pragma unroll 8
  for (int i = tid; i < p.columns; i += krait::kArgMaxThreads) {
    sum += expf(logits[i] - largest);
  }
  sum = krait::block_sum<krait::kArgMaxThreads>(sum, values);
  if (tid == 0) {
    p.probabilities[blockIdx.x] = 1.0f / sum;
  }
}
KRAIT_PARAMS(arg_max, krait::ArgMaxParams);
