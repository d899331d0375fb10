// What a recorded step costs, and what the device waits for the host between two steps: a graph of
// as many small kernels as a step of a hybrid 8B has, with the copies before and behind it that
// CudaStep makes, awaited before the next one is submitted or behind it.
//   nvcc -O3 -std=c++20 -gencode arch=compute_90a,code=sm_90a -cudart static -o steps
//   benchmarks/lab/steps/steps.cu
//   ./steps
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../lab.cuh"

struct Params {
  long long cycles;
  char more[200];
};

__global__ void wait_cycles(const __grid_constant__ Params p) {
  asm volatile("griddepcontrol.launch_dependents;\ngriddepcontrol.wait;" ::: "memory");
  const long long start = clock64();
  while (clock64() - start < p.cycles) {
  }
}

using Clock = std::chrono::steady_clock;

static double microseconds(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

static void host_work(double us) {
  const auto start = Clock::now();
  while (microseconds(start) < us) {
  }
}

static void launch_step(cudaStream_t stream, int kernels, long long cycles) {
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(132);
  config.blockDim = dim3(256);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const Params params{cycles, {}};
  for (int i = 0; i < kernels; i++) CHECK(cudaLaunchKernelEx(&config, wait_cycles, params));
}

static cudaGraphExec_t record(cudaStream_t stream, int kernels, long long cycles) {
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  launch_step(stream, kernels, cycles);
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphDestroy(graph));
  return exec;
}

int main() {
  constexpr int kCopies = 6;
  constexpr size_t kBytes = 16 << 10;
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  launch_step(stream, 600, 100);
  CHECK(cudaStreamSynchronize(stream));

  for (int kernels : {300, 600}) {
    constexpr int kGraphs = 64;
    size_t before, after, total;
    std::vector<cudaGraphExec_t> execs;
    CHECK(cudaMemGetInfo(&before, &total));
    const auto start = Clock::now();
    for (int i = 0; i < kGraphs; i++) execs.push_back(record(stream, kernels, 100));
    const double us = microseconds(start) / kGraphs;
    for (auto exec : execs) CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaStreamSynchronize(stream));
    CHECK(cudaMemGetInfo(&after, &total));
    std::printf("graph of %d kernels: recorded in %.1f ms, %.2f MiB of the device\n", kernels,
                us / 1000, static_cast<double>(before - after) / kGraphs / (1 << 20));
    for (auto exec : execs) CHECK(cudaGraphExecDestroy(exec));
  }

  char* pinned[2];
  char* device;
  for (auto& p : pinned) CHECK(cudaMallocHost(&p, (kCopies + 1) * kBytes));
  CHECK(cudaMalloc(&device, (kCopies + 1) * kBytes));
  cudaEvent_t done[2];
  for (auto& e : done) CHECK(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
  std::printf("%-22s %12s %16s %16s %16s\n", "step", "graph, us", "host work, us", "awaited first",
              "submitted ahead");
  for (long long cycles : {2000ll, 10000ll}) {
    cudaGraphExec_t exec = record(stream, 600, cycles);
    auto submit = [&](int turn) {
      for (int i = 0; i < kCopies; i++) {
        CHECK(cudaMemcpyAsync(device + i * kBytes, pinned[turn] + i * kBytes, kBytes,
                              cudaMemcpyHostToDevice, stream));
      }
      CHECK(cudaGraphLaunch(exec, stream));
      CHECK(cudaMemcpyAsync(pinned[turn] + kCopies * kBytes, device + kCopies * kBytes, 2048,
                            cudaMemcpyDeviceToHost, stream));
      CHECK(cudaEventRecord(done[turn], stream));
    };
    constexpr int kSteps = 200;
    for (double host : {0.0, 100.0, 300.0}) {
      double us[3];
      for (int mode = 0; mode < 3; mode++) {
        CHECK(cudaStreamSynchronize(stream));
        const auto start = Clock::now();
        if (mode == 0) {
          for (int i = 0; i < kSteps; i++) CHECK(cudaGraphLaunch(exec, stream));
        } else if (mode == 1) {
          for (int i = 0; i < kSteps; i++) {
            host_work(host);
            submit(i % 2);
            CHECK(cudaEventSynchronize(done[i % 2]));
          }
        } else {
          submit(0);
          for (int i = 1; i < kSteps; i++) {
            host_work(host);
            submit(i % 2);
            CHECK(cudaEventSynchronize(done[(i + 1) % 2]));
          }
        }
        CHECK(cudaStreamSynchronize(stream));
        us[mode] = microseconds(start) / kSteps;
      }
      std::printf("600 kernels, %5lld cycles %12.0f %16.0f %16.0f %16.0f\n", cycles, us[0], host,
                  us[1], us[2]);
    }
  }
  return 0;
}
