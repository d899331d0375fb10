// Elementwise functions and reductions with a fixed order.
#pragma once

namespace krait {

// v / (1 + exp(-v)), fp32; exponential and quotient each within 2 units in the last place.
__device__ inline float silu(float v) { return __fdividef(v, 1.0f + expf(-v)); }

// log(1 + exp(v)), fp32; the identity above 20 as in PyTorch.
__device__ inline float softplus(float v) { return v > 20.0f ? v : log1pf(expf(v)); }

// Sum over the lanes of a warp, in every lane: a butterfly, so the order is that of the lanes.
__device__ inline float warp_sum(float v) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    v += __shfl_xor_sync(0xffffffffu, v, distance);
  }
  return v;
}

// Largest value of a warp, in every lane.
__device__ inline float warp_max(float v) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, distance));
  }
  return v;
}

// Sum over a block of kThreads, in every thread; `scratch` holds kThreads / 32 floats.
template <int kThreads>
__device__ inline float block_sum(float v, float* scratch) {
  v = warp_sum(v);
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    scratch[threadIdx.x / 32] = v;
  }
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % 32;
  return warp_sum(lane < kThreads / 32 ? scratch[lane] : 0.0f);
}

}  // namespace krait
