// What the harnesses below benchmarks/lab share.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#define CHECK(call)                                                                 \
  do {                                                                              \
    const cudaError_t error = (call);                                               \
    if (error != cudaSuccess) {                                                     \
      std::printf("FAIL %s at %d: %s\n", cudaGetErrorName(error), __LINE__, #call); \
      std::exit(3);                                                                 \
    }                                                                               \
  } while (0)

inline cudaStream_t stream;
inline int processors = 0;  // multiprocessors of the device

// Device memory that is never given back.
template <typename T>
T* device(size_t n) {
  void* p;
  CHECK(cudaMalloc(&p, n * sizeof(T)));
  return static_cast<T*>(p);
}

template <typename T>
T* uploaded(const std::vector<T>& v) {
  T* p = device<T>(v.size());
  CHECK(cudaMemcpy(p, v.data(), v.size() * sizeof(T), cudaMemcpyHostToDevice));
  return p;
}

// The i-th of a sequence of numbers in [-1, 1).
__device__ inline float noise(unsigned long long i) {
  i = (i + 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
  i ^= i >> 32;
  i *= 0xD6E8FEB86659FD93ull;
  i ^= i >> 32;
  return static_cast<float>(static_cast<int>(i & 0xffffff) - 0x800000) / 0x800000;
}

// Reads all words once.
static __global__ void __launch_bounds__(512)
    read_all(const uint4* from, long long n, unsigned* out) {
  unsigned sum = 0;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const uint4 v = __ldcs(from + i);
    sum ^= v.x ^ v.y ^ v.z ^ v.w;
  }
  if (sum == 0x12345678u) {
    *out = sum;
  }
}

// Microseconds of what `work` launches, recorded as a graph: the median of some runs.
inline double time_graph(const std::function<void()>& work, int repeats, int warm_ups = 1) {
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  work();
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  cudaEvent_t from, to;
  CHECK(cudaEventCreate(&from));
  CHECK(cudaEventCreate(&to));
  std::vector<float> times;
  for (int i = 0; i < repeats + warm_ups; i++) {
    CHECK(cudaEventRecord(from, stream));
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaEventRecord(to, stream));
    CHECK(cudaEventSynchronize(to));
    float ms;
    CHECK(cudaEventElapsedTime(&ms, from, to));
    if (i >= warm_ups) {
      times.push_back(ms * 1e3f);
    }
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}
