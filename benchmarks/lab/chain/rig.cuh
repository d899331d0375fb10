// Forms, matrices and launches of the products that chain.cu checks and times.
#pragma once

#include <cmath>
#include <cstring>
#include <string>

#include "../lab.cuh"
#include "step.cuh"
#undef KRAIT_CONSTANT
#define KRAIT_CONSTANT(name, value) static_assert((value) > 0)

#include "../../../kernels-cuda/src/main/cuda/kernels/matmul_few_sm90.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/matmul_wide_sm90.cu"

using krait::ChainParams;
using Kernel = void (*)(const ChainParams);

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

static int padded(int v, int unit) { return (v + unit - 1) / unit * unit; }

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
