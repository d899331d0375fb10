// Checks and times the attention kernels on their own. `check` compares rows of random ragged
// batches with sums in double precision and, bit for bit, every form with every row alone; `time`
// prints decode, verification and prompts beside floors measured in the same run (bytes, or steps
// of mma.sync) and beside kernels/attend.cu.
//   nvcc -O3 -std=c++20 -gencode arch=compute_90a,code=sm_90a -I kernels-cuda/src/main/cuda/include
//   -cudart static -o attention benchmarks/lab/attention/attention.cu
//   ./attention check [few] | time
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "rig.cuh"
#include "timing.cuh"

static int failures = 0;

// `few`: shapes, lengths and batches for a run below compute-sanitizer.
static void check(bool few) {
  std::vector<Shape> shapes = {{32, 8, 128, 16, 0}, {32, 32, 128, 16, 0},  {8, 2, 64, 16, 0},
                               {6, 2, 80, 32, 0},   {8, 8, 96, 16, 0},     {16, 4, 256, 16, 0},
                               {24, 1, 128, 64, 0}, {10, 2, 128, 16, 100}, {8, 1, 64, 16, 1030},
                               {8, 2, 24, 16, 0},   {12, 4, 256, 16, 700}};
  std::vector<int> lengths = {1, 17, 63, 64, 65, 255, 257, 300, 1000, 2049, 4097, 9000};
  if (few) {
    shapes = {{24, 1, 128, 64, 0}, {8, 2, 64, 16, 0}};
    lengths = {1, 17, 65, 300};
  }
  std::mt19937 random(7);
  for (const Shape& s : shapes) {
    Cache cache(s, lengths, 1);
    // Every row that is asked for, alone.
    std::vector<Span> alone;
    std::map<std::pair<int, int>, size_t> place;
    for (size_t i = 0; i < lengths.size(); i++) {
      for (int t = std::max(0, lengths[i] - 150); t < lengths[i]; t++) {
        place[{static_cast<int>(i), t}] = alone.size();
        alone.push_back({static_cast<int>(i), t, 1});
      }
    }
    Run one(cache, alone);
    one.reset();
    attend_with(one, 16, 1, 0);
    const std::vector<float> want = one.result();
    // In double precision.
    one.reset();
    double* exact = device<double>(alone.size() * s.heads * s.head_dim);
    CHECK(cudaFuncSetAttribute(expect, cudaFuncAttributeMaxDynamicSharedMemorySize, 80000));
    expect<<<dim3(one.tokens, s.heads), 256, 80000, stream>>>(one.p, exact);
    std::vector<double> host(alone.size() * s.heads * s.head_dim);
    CHECK(cudaMemcpyAsync(host.data(), exact, host.size() * 8, cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    CHECK(cudaFree(exact));
    double worst = 0;
    double mean = 0;
    double largest = 0;
    for (size_t r = 0; r < alone.size(); r++) {
      for (int c = 0; c < s.heads * s.head_dim; c++) {
        const double exactly = host[r * s.heads * s.head_dim + c];
        double error = std::fabs(want[r * one.stride + c] - exactly);
        if (!(error < 1e30)) {
          error = 1e30;
        }
        worst = std::max(worst, error);
        mean += error / (host.size());
        largest = std::max(largest, std::fabs(exactly));
      }
    }
    // Random batches, every form.
    long long compared = 0;
    long long differ = 0;
    for (int batch = 0; batch < (few ? 2 : 12); batch++) {
      std::vector<Span> spans;
      for (size_t i = 0; i < lengths.size(); i++) {
        if (random() % 3 == 0) {
          continue;
        }
        const int start = std::max(0, lengths[i] - 150);
        const int most = batch < 4 ? 1 : batch < 8 ? 9 : 150;
        const int first = start + static_cast<int>(random() % (lengths[i] - start));
        const int count = std::min(lengths[i] - first, static_cast<int>(random() % (most + 1)));
        spans.push_back({static_cast<int>(i), first, count});  // none is a flush
      }
      std::shuffle(spans.begin(), spans.end(), random);
      Run run(cache, spans);
      if (run.tokens == 0) {
        continue;
      }
      for (int rows : {16, 32, 128}) {
        for (int every : {1, 2, 5, 40}) {
          if (rows == 128 && every > 1) {
            continue;
          }
          run.reset();
          attend_with(run, rows, every, 0);
          const std::vector<float> got = run.result();
          int row = 0;
          long long before = differ;
          for (const Span& span : spans) {
            for (int i = 0; i < span.count; i++, row++) {
              const size_t at = place[{span.sequence, span.first + i}];
              for (int c = 0; c < s.heads * s.head_dim; c++) {
                const float a = got[static_cast<size_t>(row) * run.stride + c];
                const bool other = std::memcmp(&a, &want[at * one.stride + c], 4) != 0;
                if (other && differ == before) {
                  std::printf("  sequence %d (%d) position %d head %d element %d: %.9g for %.9g\n",
                              span.sequence, span.count, span.first + i, c / s.head_dim,
                              c % s.head_dim, a, want[at * one.stride + c]);
                }
                differ += other;
                compared++;
              }
              for (int c = s.heads * s.head_dim; c < run.stride; c++) {
                const float a = got[static_cast<size_t>(row) * run.stride + c];
                differ += a == a;  // written behind a row
              }
            }
          }
          if (differ != before) {
            std::printf("  differs: rows %d every %d batch %d tokens %d: %lld\n", rows, every,
                        batch, run.tokens, differ - before);
          }
        }
      }
    }
    const bool bad = differ > 0 || !(worst < 0.02);
    failures += bad;
    std::printf(
        "%s %d/%d of %d, block %d, window %d: error %.2e (mean %.1e, of %.2f), %lld of %lld "
        "outputs differ\n",
        bad ? "FAIL" : "ok", s.heads, s.kv_heads, s.head_dim, s.block_tokens, s.window, worst, mean,
        largest, differ, compared);
    std::fflush(stdout);
  }
}

int main(int count, char** arguments) {
  CHECK(cudaStreamCreate(&stream));
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  processors = properties.multiProcessorCount;
  const std::string what = count > 1 ? arguments[1] : "check";
  if (what == "check") {
    check(count > 2);
    std::printf("%d failures\n", failures);
  } else {
    time_all();
  }
  CHECK(cudaDeviceSynchronize());
  return failures == 0 ? 0 : 1;
}
