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

#include "step.cuh"
#undef KRAIT_PARAMS
#define KRAIT_PARAMS(kernel, type) static_assert(sizeof(type) > 0)

#include "../../../kernels-cuda/src/main/cuda/kernels/matmul_few_sm90.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/matmul_wide_sm90.cu"

using krait::ChainParams;
using Kernel = void (*)(const ChainParams);

#define CHECK(call)                                                                 \
  do {                                                                              \
    const cudaError_t error = (call);                                               \
    if (error != cudaSuccess) {                                                     \
      std::printf("FAIL %s at %d: %s\n", cudaGetErrorName(error), __LINE__, #call); \
      std::exit(3);                                                                 \
    }                                                                               \
  } while (0)

// Matrices with few rows and many columns have a form of their own for every number of tokens.
static bool narrow(int rows, int columns) { return rows <= 512 && columns >= 1024; }

struct Form {
  const char* name;
  Kernel kernel;
  int rows;
  int groups;  // 0: few; -1: few, a cluster for a tile
  bool gated;
  bool chains = false;  // four for an output
};

static const std::vector<Form> kForms = {
    {"f8", matmul_few_r8, 8, 0, false},
    {"n8", matmul_narrow, 8, -1, false, true},
    {"nw32", matmul_wide_chains, 32, 1, false, true},
    {"f16", matmul_few_r16, 16, 0, false},
    {"f24", matmul_few_r24, 24, 0, false},
    {"f32", matmul_few_r32, 32, 0, false},
    {"f48", matmul_few_r48, 48, 0, false},
    {"f64", matmul_few_r64, 64, 0, false},
    {"f80", matmul_few_r80, 80, 0, false},
    {"f112", matmul_few_r112, 112, 0, false},
    {"f128", matmul_few_r128, 128, 0, false},
    {"gf16", gated_few_r16, 16, 0, true},
    {"gf32", gated_few_r32, 32, 0, true},
    {"gf64", gated_few_r64, 64, 0, true},
    {"gf112", gated_few_r112, 112, 0, true},
    {"gf128", gated_few_r128, 128, 0, true},
    {"w32", matmul_wide_r32_g1, 32, 1, false},
    {"w48", matmul_wide_r48_g1, 48, 1, false},
    {"w64", matmul_wide_r64_g1, 64, 1, false},
    {"w80", matmul_wide_r80_g1, 80, 1, false},
    {"w96", matmul_wide_r96_g1, 96, 1, false},
    {"w112", matmul_wide_r112_g1, 112, 1, false},
    {"w128", matmul_wide_r128_g1, 128, 1, false},
    {"v64", matmul_wide_r64_g2, 64, 2, false},
    {"v96", matmul_wide_r96_g2, 96, 2, false},
    {"v128", matmul_wide_r128_g2, 128, 2, false},
    {"v160", matmul_wide_r160_g2, 160, 2, false},
    {"v192", matmul_wide_r192_g2, 192, 2, false},
    {"v256", matmul_wide_r256_g2, 256, 2, false},
    {"gw32", gated_wide_r32_g1, 32, 1, true},
    {"gw64", gated_wide_r64_g1, 64, 1, true},
    {"gw112", gated_wide_r112_g1, 112, 1, true},
    {"gw128", gated_wide_r128_g1, 128, 1, true},
    {"gv160", gated_wide_r160_g2, 160, 2, true},
    {"gv224", gated_wide_r224_g2, 224, 2, true},
    {"gv256", gated_wide_r256_g2, 256, 2, true},
};

// A matrix: rows are those of the weight (gated: gates and partners together).
struct Shape {
  const char* name;
  int rows;
  int columns;
  bool gated;
  int count;  // in a step
};

static const std::vector<Shape> kHybrid = {
    {"in", 10496, 4096, false, 24},     {"dt", 4096, 256, false, 24},
    {"out", 4096, 4096, false, 32},     {"qkv", 6144, 4096, false, 8},
    {"gate_up", 28672, 4096, true, 32}, {"down", 4096, 14336, false, 32},
    {"head", 128256, 4096, false, 1},
};

// Whether a form may compute a shape: the bits of a matrix with few rows are those of its own form.
static bool fits(const Form& f, const Shape& s, int tokens) {
  if (narrow(s.rows, s.columns) || f.chains) {
    return f.chains && !s.gated && narrow(s.rows, s.columns);
  }
  return f.gated == s.gated && (f.groups > 0 || tokens <= 16);
}

static cudaStream_t stream;
static int processors = 0;

static int padded(int v, int unit) { return (v + unit - 1) / unit * unit; }

__device__ float noise(unsigned long long i) {
  i = (i + 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
  i ^= i >> 32;
  i *= 0xD6E8FEB86659FD93ull;
  i ^= i >> 32;
  return static_cast<float>(static_cast<int>(i & 0xffffff) - 0x800000) / 0x800000;
}

// Operand [rows, columns] with zeros behind the last column; rows behind the last are poison.
__global__ void fill(unsigned char* to, int rows, int all_rows, int columns, float scale,
                     unsigned long long seed, int first_row, bool poison) {
  const long long total = static_cast<long long>(all_rows) * ((columns + 255) / 256 * 256);
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < total;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const int row = static_cast<int>(i / ((columns + 255) / 256 * 256));
    const int column = static_cast<int>(i % ((columns + 255) / 256 * 256));
    float v = column < columns
                  ? scale * noise((seed << 40) +
                                  (static_cast<unsigned long long>(first_row + row) << 20) + column)
                  : 0.0f;
    if (row >= rows) {
      v = poison ? nanf("") : 0.0f;
    }
    *reinterpret_cast<__nv_bfloat16*>(to + krait::operand_offset(row, column, all_rows)) =
        __float2bfloat16(v);
  }
}

__device__ double dot(const unsigned char* w, int wr, int wrows, const unsigned char* x, int t,
                      int xrows, int columns) {
  double sum = 0;
  for (int k = 0; k < columns; k++) {
    sum += static_cast<double>(__bfloat162float(
               *reinterpret_cast<const __nv_bfloat16*>(w + krait::operand_offset(wr, k, wrows)))) *
           static_cast<double>(__bfloat162float(
               *reinterpret_cast<const __nv_bfloat16*>(x + krait::operand_offset(t, k, xrows))));
  }
  return sum;
}

// Largest error of sampled outputs over the scale of the outputs, and whether any is not a number.
__global__ void compare(ChainParams p, int columns, bool gated, int samples, float* worst) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= samples) {
    return;
  }
  const int t = static_cast<int>((i * 7919ll) % p.tokens);
  const int r = i < p.rows / 4 ? p.rows - 1 - i % p.rows : static_cast<int>(i * 104729ll % p.rows);
  double want = dot(p.weight, r, p.weight_rows, p.x, t, p.x_rows, columns);
  if (gated) {
    want = want / (1 + exp(-want)) *
           dot(p.weight, p.rows + r, p.weight_rows, p.x, t, p.x_rows, columns);
  }
  double got;
  if (p.operand == 1) {
    got = __bfloat162float(*reinterpret_cast<const __nv_bfloat16*>(
        static_cast<unsigned char*>(p.dst) + krait::operand_offset(t, r, p.x_rows)));
  } else {
    got = static_cast<float*>(p.dst)[static_cast<long long>(t) * p.dst_stride + r];
  }
  float error = static_cast<float>(fabs(got - want) / (1 + fabs(want)));
  if (!(error < 1e30f)) {
    error = 1e30f;
  }
  atomicMax(reinterpret_cast<int*>(worst), __float_as_int(error));
}

__global__ void differ(const float* a, const float* b, long long n, unsigned* count) {
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    if (__float_as_uint(a[i]) != __float_as_uint(b[i]) || a[i] != a[i]) {
      atomicAdd(count, 1u);
    }
  }
}

__global__ void __launch_bounds__(512) read_all(const uint4* from, long long n, unsigned* out) {
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

struct Launch {
  const Form* form;
  int step;
  int ring_kilobytes;
  int blocks_each;  // on a multiprocessor
};

// The rule that picks a form: the tiles that take least time in whole rounds of the device.
static Launch choose(const Shape& s, int tokens) {
  const int outputs = s.gated ? s.rows / 2 : s.rows;
  Launch best{nullptr, 1, 220, 1};
  double least = 1e30;
  for (const Form& f : kForms) {
    if (!fits(f, s, tokens) || (f.groups > 0 && tokens <= 16)) {
      continue;
    }
    const int tile = std::max(1, f.groups) * 64;
    const long long token_tiles = f.groups <= 0 ? 1 : (tokens + tile - 1) / tile;
    const long long tiles =
        (outputs + f.rows / (f.gated ? 2 : 1) - 1) / (f.rows / (f.gated ? 2 : 1)) * token_tiles;
    const long long rounds = (tiles + processors - 1) / processors;
    // Filling and draining the ring costs a tile what 8 rows cost.
    double cost = static_cast<double>(rounds) * (f.rows + 8);
    if (f.groups > 0) {
      // Cycles of a chunk: bytes from memory (weights once a token tile), or products.
      const double products = std::max(f.rows / 2.0, (2048 + 32.0 * f.rows) / 128) * 4 * f.groups;
      const double memory = (f.rows + std::min(tile, padded(tokens, 8)) * 0.5) * 128 / 20.0;
      cost = static_cast<double>(rounds) * std::max(products, memory);
    }
    if (cost < least * 0.999 || (cost < least * 1.001 && f.rows > best.form->rows)) {
      least = std::min(cost, least);
      best.form = &f;
    }
  }
  return best;
}

static void finish(Launch& l, const Shape& s, int tokens) {
  const Form& f = *l.form;
  const bool small = static_cast<long long>(s.rows) * s.columns < (4 << 20);
  l.ring_kilobytes = f.groups <= 0 ? (small ? 52 : 172) : 220;
  l.step = f.rows <= 32 ? 4 : (f.groups < 2 && f.rows <= 128 ? 2 : 1);  // kSteps
  (void)tokens;
}

static ChainParams params(const Launch& l, const Shape& s, const unsigned char* w,
                          const unsigned char* x, void* dst, int operand, int tokens) {
  ChainParams p{};
  p.weight = w;
  p.x = x;
  p.dst = dst;
  p.weight_rows = padded(s.rows, 8);
  p.rows = s.gated ? s.rows / 2 : s.rows;
  p.dst_stride = padded(p.rows, 2);
  p.x_rows = padded(tokens, 8);
  p.tokens = tokens;
  p.chunks = (s.columns + 255) / 256 * 4;
  p.operand = operand;
  const int tile = l.form->groups <= 0 ? 16 : 64 * l.form->groups;
  const int slot = l.step * 128 * (l.form->rows + std::min(tile, p.x_rows));
  p.slots = std::max(2, std::min(64, (l.ring_kilobytes * 1024 - 2048) / (slot + 16)));
  return p;
}

static void launch(const Launch& l, const ChainParams& p, bool dependent) {
  const Form& f = *l.form;
  const int tile = f.groups <= 0 ? 16 : 64 * f.groups;
  const int slot = l.step * 128 * (f.rows + std::min(tile, p.x_rows));
  // The last slot's tokens may be fewer than a tile reads.
  const size_t bytes = 1024 + static_cast<size_t>(p.slots) * (slot + 16) +
                       std::max(0, (tile - std::min(tile, p.x_rows)) * 128 - f.rows * 128);
  CHECK(cudaFuncSetAttribute(f.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)));
  const int outputs = f.gated ? f.rows / 2 : f.rows;
  const int tiles = (p.rows + outputs - 1) / outputs * ((p.tokens + tile - 1) / tile);
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(f.groups < 0 ? 4 * tiles : std::min(tiles, processors * l.blocks_each));
  config.blockDim = dim3(f.groups <= 0 ? 256 : 128 * f.groups + 128);
  config.dynamicSmemBytes = bytes;
  config.stream = stream;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &attribute;
  config.numAttrs = dependent ? 1 : 0;
  CHECK(cudaLaunchKernelEx(&config, f.kernel, p));
}

static double time_graph(const std::function<void()>& work, int repeats) {
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
  for (int i = 0; i < repeats + 2; i++) {
    CHECK(cudaEventRecord(from, stream));
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaEventRecord(to, stream));
    CHECK(cudaEventSynchronize(to));
    float ms;
    CHECK(cudaEventElapsedTime(&ms, from, to));
    if (i >= 2) {
      times.push_back(ms * 1e3f);
    }
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

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
                                7));
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
                  5) /
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
          9);
    }
    std::printf("step T=%-4d plain %.0f us, dependent %.0f us, share %.3f, %.0f tokens/s\n", tokens,
                us[0], us[1], floor / us[1], tokens / us[1] * 1e6);
    std::fflush(stdout);
  }
  return 0;
}
