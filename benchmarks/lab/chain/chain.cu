// Checks and times the products of kernels/matmul_few_sm90.cu and kernels/matmul_wide_sm90.cu on
// their own. Every form is compared with fp64 sums and, bit for bit, with one token alone; then all
// matrices of a hybrid 8B are timed in a graph beside the device's read rate.
//   nvcc -O3 -std=c++20 -gencode arch=compute_90a,code=sm_90a -I kernels-cuda/src/main/cuda/include
//   -cudart static -o chain benchmarks/lab/chain/chain.cu
//   ./chain check | tune | step
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "rig.cuh"

static int failures = 0;

static void check() {
  const std::vector<Shape> shapes = {
      {"odd", 200, 172, false, 1},       {"rows 13", 13, 40, false, 1},
      {"x_proj", 192, 5120, false, 1},   {"mid", 2560, 1000, false, 1},
      {"out", 4096, 4096, false, 1},     {"in", 10496, 4096, false, 1},
      {"gated", 2 * 1408, 512, true, 1}, {"gated 72", 2 * 72, 200, true, 1},
      {"gate_up", 28672, 4096, true, 1}};
  const std::vector<int> counts = {1, 2, 7, 8, 9, 16, 17, 31, 40, 64, 65, 100, 128, 200, 256, 300};
  unsigned char *w, *x;
  char *dst, *alone;
  float* worst;
  unsigned* count;
  const size_t big = 300ull << 20;
  CHECK(cudaMalloc(&w, big));
  CHECK(cudaMalloc(&x, 64 << 20));
  CHECK(cudaMalloc(&dst, big));
  CHECK(cudaMalloc(&alone, big));
  CHECK(cudaMalloc(&worst, 4));
  CHECK(cudaMalloc(&count, 4));
  for (const Shape& s : shapes) {
    const int outputs = s.gated ? s.rows / 2 : s.rows;
    const int stride = padded(outputs, 2);
    fill<<<1024, 256, 0, stream>>>(w, s.rows, padded(s.rows, 8), s.columns, 0.05f, 1, 0, false);
    // Every token alone, by the kernel for few tokens.
    CHECK(cudaMemsetAsync(alone, 0xff, 300ull * stride * 4, stream));
    for (int t = 0; t < 300; t++) {
      fill<<<64, 256, 0, stream>>>(x, 1, 8, s.columns, 2.0f, 2, t, true);
      Launch l = choose(s, 1);
      finish(l, s, 1);
      launch(l, params(l, s, w, x, alone + 4ll * t * stride, 2, 1), false);
    }
    CHECK(cudaStreamSynchronize(stream));
    float all_worst = 0;
    long long all_differ = 0;
    int forms = 0;
    for (const int tokens : counts) {
      CHECK(cudaMemsetAsync(x, 0xff, 64 << 20, stream));
      fill<<<1024, 256, 0, stream>>>(x, tokens, padded(tokens, 8), s.columns, 2.0f, 2, 0, true);
      for (const Form& f : kForms) {
        if (!fits(f, s, tokens)) {
          continue;
        }
        Launch l{&f, 1, 220, 1};
        finish(l, s, tokens);
        for (const int operand : {2, 0, 1}) {
          if (operand == 1 && outputs % 8 != 0) {
            continue;
          }
          CHECK(cudaMemsetAsync(dst, 0xff, 300ull * padded(outputs, 64) * 4, stream));
          const ChainParams p = params(l, s, w, x, dst, operand, tokens);
          launch(l, p, operand == 0);
          CHECK(cudaMemsetAsync(worst, 0, 4, stream));
          CHECK(cudaMemsetAsync(count, 0, 4, stream));
          compare<<<16, 64, 0, stream>>>(p, s.columns, s.gated, 1024, worst);
          if (operand != 1) {
            if (stride == outputs) {
              differ<<<256, 256, 0, stream>>>(reinterpret_cast<float*>(dst),
                                              reinterpret_cast<float*>(alone),
                                              static_cast<long long>(tokens) * stride, count);
            }
          }
          float e;
          unsigned d;
          CHECK(cudaMemcpyAsync(&e, worst, 4, cudaMemcpyDeviceToHost, stream));
          CHECK(cudaMemcpyAsync(&d, count, 4, cudaMemcpyDeviceToHost, stream));
          CHECK(cudaStreamSynchronize(stream));
          forms++;
          if (e > (operand == 1 ? 8e-3f : 2e-4f) || d != 0) {
            std::printf("FAIL %s T=%d %s dst %d: error %.2e, %u outputs differ\n", s.name, tokens,
                        f.name, operand, e, d);
            failures++;
          }
          all_worst = std::max(all_worst, operand == 1 ? 0.0f : e);
          all_differ += d;
        }
      }
    }
    std::printf("check %-8s %6d x %-5d %5d runs, worst error %.1e, %lld outputs differ\n", s.name,
                s.rows, s.columns, forms, all_worst, all_differ);
    std::fflush(stdout);
  }
}

int main(int argc, char** argv) {
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
  const std::string what = argc > 1 ? argv[1] : "check";
  if (what == "check") {
    check();
    std::printf("failures: %d\n", failures);
    return failures != 0;
  }
  // All matrices of a step, one after the other in memory.
  unsigned char* weights;
  unsigned char* x;
  char* dst;
  unsigned* sink;
  size_t total = 0;
  for (const Shape& s : kHybrid) {
    total += static_cast<size_t>(s.rows) * s.columns * 2 * s.count;
  }
  CHECK(cudaMalloc(&weights, total));
  CHECK(cudaMalloc(&x, 128 << 20));
  CHECK(cudaMalloc(&dst, 2300ull << 20));
  CHECK(cudaMalloc(&sink, 4));
  CHECK(cudaMemset(x, 0, 128 << 20));
  const int lines = static_cast<int>(total / 128);
  fill<<<4096, 256, 0, stream>>>(weights, lines / 4, lines / 4, 256, 0.02f, 3, 0, false);
  fill<<<4096, 256, 0, stream>>>(x, 1 << 18, 1 << 18, 256, 1.0f, 4, 0, false);
  double floor = 1e30;
  for (const int grid : {264, 528, 1056}) {
    floor = std::min(floor, time_graph(
                                [&] {
                                  read_all<<<grid, 512, 0, stream>>>(
                                      reinterpret_cast<uint4*>(weights),
                                      static_cast<long long>(total / 16), sink);
                                },
                                7, 2));
  }
  const double rate = total / floor * 1e-6;
  std::printf("%.3f GB, read floor %.0f us, %.3f TB/s\n", total * 1e-9, floor, rate);
  struct Use {
    const Shape* shape;
    unsigned char* weight;
  };
  std::vector<Use> uses;
  size_t at = 0;
  for (const Shape& s : kHybrid) {
    for (int i = 0; i < s.count; i++) {
      uses.push_back({&s, weights + at});
      at += static_cast<size_t>(s.rows) * s.columns * 2;
    }
  }
  const std::vector<int> counts = {1, 8, 16, 32, 64, 128, 256, 2048};
  if (what == "tune") {
    for (const Shape& s : kHybrid) {
      for (const int tokens : counts) {
        const Launch chosen = choose(s, tokens);
        std::string line;
        double best = 1e30, picked = 0;
        for (const Form& f : kForms) {
          if (!fits(f, s, tokens) || (f.groups > 0 && tokens < 16) ||
              (f.groups == 1 && tokens > 256) || (tokens > 256 && s.rows > 100000)) {
            continue;
          }
          Launch l{&f, 1, 220, 1};
          finish(l, s, tokens);
          const double us =
              time_graph(
                  [&] {
                    for (const Use& u : uses) {
                      if (u.shape == &s) {
                        launch(l, params(l, s, u.weight, x, dst, s.gated ? 1 : 2, tokens), true);
                      }
                    }
                  },
                  5, 2) /
              s.count;
          char text[64];
          std::snprintf(text, sizeof(text), " %s %.1f", f.name, us);
          line += text;
          best = std::min(best, us);
          if (&f == chosen.form) {
            picked = us;
          }
        }
        std::printf("%-8s T=%-4d picked %s %.1f best %.1f (%.2f of floor):%s\n", s.name, tokens,
                    chosen.form->name, picked, best,
                    static_cast<double>(s.rows) * s.columns * 2 / rate * 1e-6 / best, line.c_str());
        std::fflush(stdout);
      }
    }
    return 0;
  }
  for (const int tokens : counts) {
    double us[2];
    for (int dependent = 0; dependent < 2; dependent++) {
      us[dependent] = time_graph(
          [&] {
            // In the order of layers, so that small and large ones take turns.
            for (int layer = 0; layer < 32; layer++) {
              for (const Use& u : uses) {
                const int index = static_cast<int>(
                    &u - uses.data() -
                    (std::find_if(uses.begin(), uses.end(),
                                  [&](const Use& o) { return o.shape == u.shape; }) -
                     uses.begin()));
                const bool mine = u.shape->count == 32 ? index == layer
                                  : u.shape->count == 24
                                      ? layer % 4 != 3 && index == layer - layer / 4
                                      : u.shape->count == 8 && layer % 4 == 3 && index == layer / 4;
                if (mine) {
                  Launch l = choose(*u.shape, tokens);
                  finish(l, *u.shape, tokens);
                  launch(l, params(l, *u.shape, u.weight, x, dst, u.shape->gated ? 1 : 2, tokens),
                         dependent == 1);
                }
              }
            }
            if (tokens <= 256) {
              const Use& head = uses.back();
              Launch l = choose(*head.shape, tokens);
              finish(l, *head.shape, tokens);
              launch(l, params(l, *head.shape, head.weight, x, dst, 2, tokens), dependent == 1);
            }
          },
          9, 2);
    }
    std::printf("step T=%-4d plain %.0f us, dependent %.0f us, share %.3f, %.0f tokens/s\n", tokens,
                us[0], us[1], floor / us[1], tokens / us[1] * 1e6);
    std::fflush(stdout);
  }
  return 0;
}
