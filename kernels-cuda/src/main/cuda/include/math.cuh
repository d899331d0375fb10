// Elementwise functions and reductions with a fixed order.
#pragma once

namespace krait {

// v / (1 + exp(-v)), fp32; exponential and quotient each within 2 units in the last place.
__device__ inline float silu(float v) { return __fdividef(v, 1.0f + expf(-v)); }

// dev.krait.model.Activation, numbered as dev.krait.cuda.Arguments does.
enum Activation : int {
  kNone = 0,
  kSigmoid = 1,
  kSilu = 2,
  kRelu = 3,
  kSquaredRelu = 4,
  kGelu = 5,
};

// fp32; the same for all threads of a block, so that no warp diverges.
__device__ inline float activate(int activation, float v) {
  const float positive = v < 0.0f ? 0.0f : v;
  switch (activation) {
    case kSigmoid:
      return __fdividef(1.0f, 1.0f + expf(-v));
    case kSilu:
      return silu(v);
    case kRelu:
      return positive;
    case kSquaredRelu:
      return positive * positive;
    case kGelu:
      return 0.5f * v * (1.0f + erff(v * 0.70710678f));
    default:
      return v;
  }
}

// log(1 + exp(v)), fp32; the identity above 20 as in PyTorch.
__device__ inline float softplus(float v) { return v > 20.0f ? v : log1pf(expf(v)); }

// Sum over the lanes of a warp, in every lane: a butterfly, so the order is that of the lanes.
template <typename T>
__device__ inline T warp_sum(T v) {
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
