// What the device can do at best, for benchmarks:
//   read_words     every word of a buffer once
//   multiply_tiles bf16 products with fp32 sums on tensor cores, kTileFlops a block and round
// Shapes: words [count, 4].
// A block strides over the buffer; a thread has four 16-byte loads in flight. Tiles stay in shared
// memory (wgmma, 9.0) or registers (mma.sync).
// Precision, determinism: results are not looked at.
#include "mma.cuh"
#include "step.cuh"
#include "weights.cuh"
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#include "wgmma.cuh"
#endif

namespace krait {

constexpr int kTileThreads = 256;
constexpr int kTileFlops = 1 << 22;

struct ReadWordsParams {
  const uint4* words;
  unsigned int* sink;
  long long count;
};

struct MultiplyTilesParams {
  float* sink;
  int rounds;
};

// Two bf16 numbers of either sign around 1: power, and with it the clock, follow from the bits.
__device__ inline unsigned int noisy_pair(unsigned int i) {
  unsigned int h = i * 2654435761u;
  h ^= h >> 15;
  h *= 2246822519u;
  h ^= h >> 13;
  return (h & 0x80ff80ffu) | 0x3f003f00u;
}

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
constexpr int kTileRows = 256;      // of b
constexpr int kOperandBytes = 128;  // of a row

__device__ inline float multiply_rounds(int rounds) {
  constexpr int kWords = (2 * 64 + kTileRows) * kOperandBytes / 4;
  __shared__ __align__(1024) unsigned int tiles[kWords];
  for (int i = static_cast<int>(threadIdx.x); i < kWords; i += kTileThreads) {
    tiles[i] = noisy_pair(i);
  }
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  __syncthreads();
  const unsigned long long b = operand_descriptor(shared_place(tiles));
  const unsigned long long a = operand_descriptor(
      shared_place(tiles) + (kTileRows + 64 * (threadIdx.x / 128)) * kOperandBytes);
  float d[kTileRows / 2] = {};
#pragma unroll 1
  for (int round = 0; round < rounds; round += 4) {
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < 16; k++) {
      wgmma<kTileRows>(d, a + k % 4 * 2, b + k % 4 * 2);
    }
    wgmma_commit();
    wgmma_wait<0>();
  }
  float sum = 0.0f;
#pragma unroll
  for (float v : d) {
    sum += v;
  }
  return sum;
}
static_assert(4 * 2 * 64 * kTileRows * 16 * 2 == kTileFlops);
#else
constexpr int kTileChains = 16;

__device__ inline float multiply_rounds(int rounds) {
  constexpr int kSteps = kTileFlops / (kTileThreads / 32 * 16 * 8 * 16 * 2);
  unsigned int a[4];
  unsigned int b[2];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    a[i] = noisy_pair(threadIdx.x * 8 + i);
  }
  b[0] = noisy_pair(threadIdx.x * 8 + 4);
  b[1] = noisy_pair(threadIdx.x * 8 + 5);
  float c[kTileChains][4] = {};
#pragma unroll 1
  for (int round = 0; round < rounds; round++) {
#pragma unroll
    for (int step = 0; step < kSteps; step++) {
      multiply_add(c[step % kTileChains], a, b[0], b[1]);
    }
  }
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kTileChains; i++) {
    sum += c[i][0] + c[i][1] + c[i][2] + c[i][3];
  }
  return sum;
}
#endif

}  // namespace krait

extern "C" __global__ void __launch_bounds__(1024)
    read_words(const __grid_constant__ krait::ReadWordsParams p) {
  krait::begin();
  const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
  long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  unsigned int sum = 0;
  for (; i + 3 * threads < p.count; i += 4 * threads) {
    const uint4 a = krait::load_once(p.words + i);
    const uint4 b = krait::load_once(p.words + i + threads);
    const uint4 c = krait::load_once(p.words + i + 2 * threads);
    const uint4 d = krait::load_once(p.words + i + 3 * threads);
    sum += (a.x ^ a.y ^ a.z ^ a.w) + (b.x ^ b.y ^ b.z ^ b.w) + (c.x ^ c.y ^ c.z ^ c.w) +
           (d.x ^ d.y ^ d.z ^ d.w);
  }
  for (; i < p.count; i += threads) {
    const uint4 a = krait::load_once(p.words + i);
    sum += a.x ^ a.y ^ a.z ^ a.w;
  }
  if (sum == 0xfeedfaceu) {
    *p.sink = sum;
  }
}
KRAIT_PARAMS(read_words, krait::ReadWordsParams);

extern "C" __global__ void __launch_bounds__(krait::kTileThreads, 1)
    multiply_tiles(const __grid_constant__ krait::MultiplyTilesParams p) {
  krait::begin();
  const float sum = krait::multiply_rounds(p.rounds);
  if (sum == -1.0f) {
    *p.sink = sum;
  }
}
KRAIT_PARAMS(multiply_tiles, krait::MultiplyTilesParams);
KRAIT_CONSTANT(multiply_tiles_threads, krait::kTileThreads);
KRAIT_CONSTANT(multiply_tiles_flops, krait::kTileFlops);
