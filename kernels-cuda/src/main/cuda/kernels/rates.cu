// What the device can do at best, for benchmarks:
//   read_words     every word of a buffer once
//   multiply_add   fp32 fused multiply-adds on registers, kRateChains chains a thread
// Shapes: words [count, 4].
// A block strides over the buffer; a thread has four 16-byte loads in flight.
// Precision, determinism: results are not looked at.
#include "step.cuh"
#include "weights.cuh"

namespace krait {

constexpr int kRateThreads = 512;
constexpr int kRateChains = 16;

struct ReadWordsParams {
  const uint4* words;
  unsigned int* sink;
  long long count;
};

struct MultiplyAddParams {
  float* sink;
  int rounds;
};

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kRateThreads)
    read_words(const __grid_constant__ krait::ReadWordsParams p) {
  krait::begin();
  const long long threads = static_cast<long long>(gridDim.x) * krait::kRateThreads;
  long long i = static_cast<long long>(blockIdx.x) * krait::kRateThreads + threadIdx.x;
  unsigned int sum = 0;
  for (; i + 3 * threads < p.count; i += 4 * threads) {
    const uint4 a = krait::load_once(p.words + i);
    const uint4 b = krait::load_once(p.words + i + threads);
    const uint4 c = krait::load_once(p.words + i + 2 * threads);
    const uint4 d = krait::load_once(p.words + i + 3 * threads);
    sum += (a.x ^ a.y ^ a.z ^ a.w) + (b.x ^ b.y ^ b.z ^ b.w) + (c.x ^ c.y ^ c.z ^ c.w) +
           (d.x ^ d.y ^ d.z ^ d.w);
  }
  if (sum == 0xfeedfaceu) {
    *p.sink = sum;
  }
}
KRAIT_PARAMS(read_words, krait::ReadWordsParams);

extern "C" __global__ void __launch_bounds__(krait::kRateThreads)
    multiply_add(const __grid_constant__ krait::MultiplyAddParams p) {
  krait::begin();
  float v[krait::kRateChains];
#pragma unroll
  for (int i = 0; i < krait::kRateChains; i++) {
    v[i] = static_cast<float>(threadIdx.x + i);
  }
  const float factor = 0.999f;
#pragma unroll 4
  for (int round = 0; round < p.rounds; round++) {
#pragma unroll
    for (int i = 0; i < krait::kRateChains; i++) {
      v[i] = fmaf(v[i], factor, 0.001f);
    }
  }
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < krait::kRateChains; i++) {
    sum += v[i];
  }
  if (sum == -1.0f) {
    *p.sink = sum;
  }
}
KRAIT_PARAMS(multiply_add, krait::MultiplyAddParams);
