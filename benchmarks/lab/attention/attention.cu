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

#include "step.cuh"
#undef KRAIT_CONSTANT
#define KRAIT_CONSTANT(name, value) static_assert((value) > 0)

#include "../../../kernels-cuda/src/main/cuda/kernels/attend.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/attend_few.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/attend_many.cu"

using bf16 = __nv_bfloat16;
using krait::AttendParams;
using krait::AttendTilesParams;

#define CHECK(call)                                                                 \
  do {                                                                              \
    const cudaError_t error = (call);                                               \
    if (error != cudaSuccess) {                                                     \
      std::printf("FAIL %s at %d: %s\n", cudaGetErrorName(error), __LINE__, #call); \
      std::exit(3);                                                                 \
    }                                                                               \
  } while (0)

static cudaStream_t stream;
static int processors = 0;
static int failures = 0;

struct Shape {
  int heads, kv_heads, head_dim, block_tokens, window;
};

// Some tokens of a sequence.
struct Span {
  int sequence, first, count;
};

__device__ float noise(unsigned long long i) {
  i = (i + 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
  i ^= i >> 32;
  i *= 0xD6E8FEB86659FD93ull;
  i ^= i >> 32;
  return static_cast<float>(static_cast<int>(i & 0xffffff) - 0x800000) / 0x800000;
}

__global__ void poison(bf16* to, long long n) {
  for (long long i = blockIdx.x * 256ll + threadIdx.x; i < n; i += gridDim.x * 256ll) {
    to[i] = __ushort_as_bfloat16(0x7fc0);
  }
}

// Keys and values of the first `length` positions of a sequence.
__global__ void fill_cache(bf16* keys, bf16* values, const int* table, Shape s, int length,
                           int sequence) {
  const long long n = static_cast<long long>(length) * s.kv_heads * s.head_dim;
  for (long long i = blockIdx.x * 256ll + threadIdx.x; i < n; i += gridDim.x * 256ll) {
    const int e = static_cast<int>(i % s.head_dim);
    const int h = static_cast<int>(i / s.head_dim % s.kv_heads);
    const int t = static_cast<int>(i / s.head_dim / s.kv_heads);
    const long long head = static_cast<long long>(table[t / s.block_tokens]) * s.kv_heads + h;
    const int slot = t % s.block_tokens;
    const unsigned long long seed = (static_cast<unsigned long long>(sequence) << 40) + 2 * i;
    // Keys of a few positions stand out, so that the largest score rises late.
    const float scale = t % 97 == 13 ? 3.0f : 1.0f;
    keys[(head * s.head_dim + e) * s.block_tokens + slot] = __float2bfloat16(scale * noise(seed));
    values[(head * s.block_tokens + slot) * s.head_dim + e] = __float2bfloat16(noise(seed + 1));
  }
}

__global__ void fill_queries(float* to, int stride, int columns, const krait::Token* tokens, int n,
                             const int* names) {
  for (long long i = blockIdx.x * 256ll + threadIdx.x; i < static_cast<long long>(n) * columns;
       i += gridDim.x * 256ll) {
    const int t = static_cast<int>(i / columns);
    const int c = static_cast<int>(i % columns);
    const unsigned long long seed =
        (static_cast<unsigned long long>(names[tokens[t].sequence]) << 44) +
        (static_cast<unsigned long long>(tokens[t].position) << 16) + c;
    to[static_cast<long long>(t) * stride + c] = 3.0f * noise(seed + (1ull << 62));
  }
}

// In double precision, queries rounded as the kernels do; a block computes a head of a token.
__global__ void expect(AttendTilesParams p, double* out) {
  __shared__ double total;
  __shared__ double sum[256];
  extern __shared__ double weight[];
  const int token = blockIdx.x;
  const int head = blockIdx.y;
  const int last = p.step.tokens[token].position;
  const int first = p.window == 0 ? 0 : max(0, last - p.window + 1);
  const int kv = head / (p.heads / p.kv_heads);
  const float* q = p.queries.row(token) + head * p.head_dim;
  for (int t = first + threadIdx.x; t <= last; t += blockDim.x) {
    const long long block = p.step.block(p.step.tokens[token].sequence, t, p.block_tokens);
    const bf16* k = p.keys + (block * p.kv_heads + kv) * p.head_dim * p.block_tokens;
    double score = 0;
    for (int e = 0; e < p.head_dim; e++) {
      score += static_cast<double>(__bfloat162float(__float2bfloat16(q[e]))) *
               static_cast<double>(__bfloat162float(k[e * p.block_tokens + t % p.block_tokens]));
    }
    weight[t - first] = score * p.scale;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    double most = -1e300;
    for (int t = 0; t <= last - first; t++) {
      most = fmax(most, weight[t]);
    }
    total = 0;
    for (int t = 0; t <= last - first; t++) {
      weight[t] = exp(weight[t] - most);
      total += weight[t];
    }
  }
  __syncthreads();
  const int e = threadIdx.x;
  if (e < p.head_dim) {
    sum[e] = 0;
    for (int t = first; t <= last; t++) {
      const long long block = p.step.block(p.step.tokens[token].sequence, t, p.block_tokens);
      const bf16* v =
          p.values + ((block * p.kv_heads + kv) * p.block_tokens + t % p.block_tokens) * p.head_dim;
      sum[e] += weight[t - first] * static_cast<double>(__bfloat162float(v[e]));
    }
    out[(static_cast<long long>(token) * p.heads + head) * p.head_dim + e] = sum[e] / total;
  }
}

template <typename T>
static T* device(size_t n) {
  void* p;
  CHECK(cudaMalloc(&p, n * sizeof(T)));
  return static_cast<T*>(p);
}

template <typename T>
static T* uploaded(const std::vector<T>& v) {
  T* p = device<T>(v.size());
  CHECK(cudaMemcpy(p, v.data(), v.size() * sizeof(T), cudaMemcpyHostToDevice));
  return p;
}

// Keys and values of sequences with blocks in a shuffled order; several layers, one after another.
struct Cache {
  Shape shape;
  std::vector<int> lengths;
  std::vector<std::vector<int>> tables;
  long long layer_elements;
  bf16* keys;
  bf16* values;

  Cache(Shape s, std::vector<int> all, int layers) : shape(s), lengths(std::move(all)) {
    std::vector<int> order;
    for (int length : lengths) {
      tables.emplace_back((length + s.block_tokens - 1) / s.block_tokens);
    }
    int blocks = 0;
    for (auto& t : tables) {
      blocks += static_cast<int>(t.size());
    }
    for (int i = 0; i < blocks; i++) {
      order.push_back(i);
    }
    std::mt19937 random(5);
    std::shuffle(order.begin(), order.end(), random);
    int next = 0;
    for (auto& t : tables) {
      for (int& block : t) {
        block = order[next++];
      }
    }
    layer_elements = static_cast<long long>(blocks) * s.kv_heads * s.head_dim * s.block_tokens;
    keys = device<bf16>(layer_elements * layers);
    values = device<bf16>(layer_elements * layers);
    poison<<<2048, 256>>>(keys, layer_elements * layers);
    poison<<<2048, 256>>>(values, layer_elements * layers);
    for (size_t i = 0; i < lengths.size(); i++) {
      int* table = uploaded(tables[i]);
      for (int l = 0; l < layers; l++) {
        fill_cache<<<512, 256>>>(keys + l * layer_elements, values + l * layer_elements, table, s,
                                 lengths[i], static_cast<int>(i));
      }
      CHECK(cudaDeviceSynchronize());
      CHECK(cudaFree(table));
    }
  }
  ~Cache() {
    cudaFree(keys);
    cudaFree(values);
  }
};

struct Run {
  const Cache& cache;
  std::vector<Span> spans;
  int tokens = 0;
  int max_blocks = 0;
  int splits = 0;
  int stride;
  std::vector<krait::Token> rows;
  krait::Token* d_tokens;
  krait::Sequence* d_sequences;
  int* d_table;
  int* d_names;
  float* queries;
  float* dst;
  float* partial;
  size_t partial_floats = 0;
  AttendTilesParams p{};

  Run(const Cache& c, std::vector<Span> all) : cache(c), spans(std::move(all)) {
    const Shape& s = c.shape;
    std::vector<krait::Sequence> sequences;
    std::vector<int> names;
    int longest = 0;
    for (const Span& span : spans) {
      krait::Sequence q{};
      q.first_row = tokens;
      q.tokens = span.count;
      q.first_position = span.first;
      for (int i = 0; i < span.count; i++) {
        rows.push_back({0, span.first + i, static_cast<int>(sequences.size()), 0});
      }
      tokens += span.count;
      longest = std::max(longest, span.first + span.count);
      sequences.push_back(q);
      names.push_back(span.sequence);
    }
    max_blocks = (longest + s.block_tokens - 1) / s.block_tokens + 3;
    std::vector<int> table(sequences.size() * max_blocks, 1 << 30);
    for (size_t i = 0; i < spans.size(); i++) {
      const auto& from = c.tables[spans[i].sequence];
      const int n = (spans[i].first + spans[i].count + s.block_tokens - 1) / s.block_tokens;
      std::copy(from.begin(), from.begin() + n, table.begin() + i * max_blocks);
    }
    d_tokens = uploaded(rows);
    d_sequences = uploaded(sequences);
    d_table = uploaded(table);
    d_names = uploaded(names);
    stride = s.heads * s.head_dim + 5;
    queries = device<float>(static_cast<size_t>(tokens) * stride);
    dst = device<float>(static_cast<size_t>(tokens) * stride);
    splits = longest <= 4096 ? (longest + 255) / 256
                             : 16 + 8 * (static_cast<int>(std::log2(longest / 4096.0)) + 1);
    // attend.cu has chunks of 64 positions for up to 16 tokens.
    partial_floats = static_cast<size_t>(tokens) * s.heads * (s.head_dim + 2) *
                     std::max(splits, tokens <= 16 ? (longest + 127) / 64 : 0);
    partial = device<float>(partial_floats + 1);
    p.dst = {dst, stride, s.heads * s.head_dim};
    p.queries = {queries, stride, s.heads * s.head_dim};
    p.step = {d_tokens, d_sequences, d_table, max_blocks};
    p.keys = c.keys;
    p.values = c.values;
    p.partial = partial;
    p.sequences = static_cast<int>(sequences.size());
    p.heads = s.heads;
    p.kv_heads = s.kv_heads;
    p.head_dim = s.head_dim;
    p.block_tokens = s.block_tokens;
    p.window = s.window;
    p.splits = splits;
    p.scale = 1 / std::sqrt(static_cast<float>(s.head_dim));
  }
  ~Run() {
    cudaFree(d_tokens);
    cudaFree(d_sequences);
    cudaFree(d_table);
    cudaFree(d_names);
    cudaFree(queries);
    cudaFree(dst);
    cudaFree(partial);
  }
  void reset() const {
    const Shape& s = cache.shape;
    CHECK(cudaMemsetAsync(dst, 0xff, sizeof(float) * static_cast<size_t>(tokens) * stride, stream));
    CHECK(cudaMemsetAsync(partial, 0xff, sizeof(float) * partial_floats, stream));
    CHECK(cudaMemsetAsync(queries, 0xff, sizeof(float) * static_cast<size_t>(tokens) * stride,
                          stream));
    fill_queries<<<1024, 256, 0, stream>>>(queries, stride, s.heads * s.head_dim, d_tokens, tokens,
                                           d_names);
  }
  std::vector<float> result() const {
    std::vector<float> all(static_cast<size_t>(tokens) * stride);
    CHECK(cudaMemcpyAsync(all.data(), dst, all.size() * 4, cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    return all;
  }
};

template <typename P>
static void launch(void (*kernel)(const P), dim3 grid, int threads, int bytes, const P& p) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = bytes;
  config.stream = stream;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
  CHECK(cudaLaunchKernelEx(&config, kernel, p));
}

struct Form {
  void (*kernel)(const AttendTilesParams);
  int rows;
  int threads;
  int bytes;
};

#define FEW(dim, tiles, name) \
  Form { name, 16 * tiles, 128, sizeof(krait::FewShared<dim, tiles, 4>) }
#define MANY(dim, tiles, warps, name) \
  Form { name, 16 * tiles *warps, 32 * warps, sizeof(krait::ManyShared<dim, tiles, warps>) }

static Form form(const Shape& s, int rows) {
  Form f;
  if (s.head_dim <= 64) {
    f = rows == 16   ? FEW(64, 1, attend_few_64_r16)
        : rows == 32 ? FEW(64, 2, attend_few_64_r32)
                     : MANY(64, 1, 8, attend_many_64);
  } else if (s.head_dim <= 96) {
    f = rows == 16   ? FEW(96, 1, attend_few_96_r16)
        : rows == 32 ? FEW(96, 2, attend_few_96_r32)
                     : MANY(96, 1, 8, attend_many_96);
  } else if (s.head_dim <= 128) {
    f = rows == 16   ? FEW(128, 1, attend_few_128_r16)
        : rows == 32 ? FEW(128, 2, attend_few_128_r32)
                     : MANY(128, 2, 4, attend_many_128);
  } else {
    f = rows <= 32 ? FEW(256, 1, attend_few_256_r16) : MANY(256, 1, 4, attend_many_256);
  }
  CHECK(cudaFuncSetAttribute(f.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, f.bytes));
  return f;
}

// rows 16, 32 or 128; `every` blocks share the splits of a context.
static void attend_with(const Run& run, int rows, int every, int layer) {
  const Shape& s = run.cache.shape;
  const Form f = form(s, rows);
  AttendTilesParams p = run.p;
  p.keys += layer * run.cache.layer_elements;
  p.values += layer * run.cache.layer_elements;
  const int shared = s.heads / s.kv_heads;
  const int width = std::min(shared, f.rows);
  const int chunks = (shared + width - 1) / width;
  const int places = run.tokens / (f.rows / width) + p.sequences;
  launch(f.kernel, dim3(every, s.kv_heads * chunks, places), f.threads, f.bytes, p);
  if (every > 1) {
    launch(attend_merge_splits, dim3(run.tokens, s.heads), krait::kMergeThreads, 0, p);
  }
}

static void attend_before(const Run& run, int layer) {
  const Shape& s = run.cache.shape;
  AttendParams p{};
  p.dst = run.p.dst;
  p.queries = run.p.queries;
  p.step = run.p.step;
  p.keys = run.p.keys + layer * run.cache.layer_elements;
  p.values = run.p.values + layer * run.cache.layer_elements;
  p.partial = run.partial;
  p.heads = s.heads;
  p.kv_heads = s.kv_heads;
  p.head_dim = s.head_dim;
  p.block_tokens = s.block_tokens;
  p.window = s.window;
  p.chunks = (run.max_blocks * s.block_tokens + 63) / 64 - 1;
  p.scale = run.p.scale;
  const int bytes = sizeof(krait::AttendShared);
  const int groups = s.kv_heads * ((s.heads / s.kv_heads + 3) / 4);
  CHECK(cudaFuncSetAttribute(attend_bf16, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  CHECK(
      cudaFuncSetAttribute(attend_split_bf16, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  if (run.tokens > 16) {
    launch(attend_bf16, dim3(run.tokens, groups), 256, bytes, p);
  } else {
    launch(attend_split_bf16, dim3(run.tokens, groups, p.chunks), 256, bytes, p);
    launch(attend_merge, dim3(run.tokens, s.heads), 256, 0, p);
  }
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
  for (int i = 0; i < repeats + 1; i++) {
    CHECK(cudaEventRecord(from, stream));
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaEventRecord(to, stream));
    CHECK(cudaEventSynchronize(to));
    float ms;
    CHECK(cudaEventElapsedTime(&ms, from, to));
    if (i >= 1) {
      times.push_back(ms * 1e3f);
    }
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

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

__global__ void __launch_bounds__(128, 2) multiply_all(float* out, int steps) {
  float c[16][4] = {};
  const unsigned int a[2][4] = {{threadIdx.x, 1, 2, 3}, {4, threadIdx.x, 6, 7}};
  for (int i = 0; i < steps; i++) {
#pragma unroll
    for (int j = 0; j < 16; j++) {
      krait::multiply_add(c[j], a[j % 2], 5u, 6u);
    }
  }
  float sum = 0;
  for (int j = 0; j < 16; j++) {
    sum += c[j][0] + c[j][1] + c[j][2] + c[j][3];
  }
  if (sum == 1.25f) {
    *out = sum;
  }
}

static double read_rate() {
  const long long bytes = 8ll << 30;
  uint4* from = reinterpret_cast<uint4*>(device<char>(bytes));
  CHECK(cudaMemset(from, 1, bytes));
  unsigned* out = device<unsigned>(1);
  double best = 0;
  for (int grid : {processors * 4, processors * 16, 65536}) {
    const double us =
        time_graph([&] { read_all<<<grid, 512, 0, stream>>>(from, bytes / 16, out); }, 5);
    best = std::max(best, bytes / us * 1e-6);
  }
  CHECK(cudaFree(from));
  return best;  // TB/s
}

static double multiply_rate() {
  float* out = device<float>(1);
  const int steps = 20000;
  const double us =
      time_graph([&] { multiply_all<<<2 * processors, 128, 0, stream>>>(out, steps); }, 3);
  return 2.0 * processors * 4 * steps * 16 * 4096 / us * 1e-6;  // TFLOP/s
}

// Blocks that share the splits of a context: enough to fill the device several times.
static int blocks_of(const Run& run, int rows, int fills) {
  const Shape& s = run.cache.shape;
  const int width = std::min(s.heads / s.kv_heads, rows);
  const int places = run.tokens / (rows / width) + run.p.sequences;
  const int each = places * s.kv_heads;
  return std::max(1, std::min(run.splits, (fills * processors + each - 1) / each));
}

static void time_all() {
  const double bytes_rate = read_rate();
  const double flop_rate = multiply_rate();
  std::printf("reads %.3f TB/s, mma.sync %.0f TFLOP/s\n", bytes_rate, flop_rate);
  std::printf("%-34s %8s %8s %6s | by blocks of splits\n", "", "us", "floor", "before");
  for (int kv : {8, 32}) {
    for (int context : {1024, 4096}) {
      for (int verify : {1, 4, 8}) {
        for (int n : {1, 16, 64, 256}) {
          if (verify > 1 && (n == 256 || context == 4096)) {
            continue;
          }
          const Shape s{32, kv, 128, 16, 0};
          const double bytes = 4.0 * n * context * kv * 128;
          if (bytes > 8e9) {
            continue;
          }
          const int layers = static_cast<int>(std::min(24.0, std::max(1.0, 1.0e9 / bytes)));
          Cache cache(s, std::vector<int>(n, context), layers);
          std::vector<Span> spans;
          for (int i = 0; i < n; i++) {
            spans.push_back({i, context - verify, verify});
          }
          Run run(cache, spans);
          run.reset();
          const int rows = 32 / kv * verify > 16 ? 32 : 16;
          std::string table;
          double best = 1e30;
          for (int fills : {0, 2, 8, 100}) {
            const int every = fills == 0 ? 1 : blocks_of(run, rows, fills);
            const double us = time_graph(
                                  [&] {
                                    for (int l = 0; l < layers; l++) {
                                      attend_with(run, rows, every, l);
                                    }
                                  },
                                  5) /
                              layers;
            best = std::min(best, us);
            table += " " + std::to_string(every) + ":" + std::to_string(us).substr(0, 6);
          }
          const double before = time_graph(
                                    [&] {
                                      for (int l = 0; l < layers; l++) {
                                        attend_before(run, l);
                                      }
                                    },
                                    2) /
                                layers;
          if (verify > 1) {
            table += " | many: " + std::to_string(time_graph(
                                                      [&] {
                                                        for (int l = 0; l < layers; l++) {
                                                          attend_with(run, 128, 1, l);
                                                        }
                                                      },
                                                      5) /
                                                  layers)
                                       .substr(0, 6);
          }
          const double floor = bytes / bytes_rate * 1e-6;
          std::printf("32/%-2d context %4d, %3d x %d       %8.1f %8.1f %8.1f |%s\n", kv, context, n,
                      verify, best, floor, before, table.c_str());
          std::fflush(stdout);
        }
      }
    }
  }
  for (int kv : {8, 32}) {
    const Shape s{32, kv, 128, 16, 0};
    Cache cache(s, {32768}, 1);
    double total = 0;
    double total_floor = 0;
    for (int first = 0; first < 32768; first += 2048) {
      Run run(cache, {{0, first, 2048}});
      run.reset();
      const double us = time_graph([&] { attend_with(run, 128, 1, 0); }, 3);
      const double flops = 4.0 * 128 * 32 * 2048.0 * (first + 1024.5);
      total += us;
      total_floor += flops / flop_rate * 1e-6;
      double before = 0;
      if (first == 0) {
        before = time_graph([&] { attend_before(run, 0); }, 1);
      }
      if (first == 0 || first == 4096 || first == 30720) {
        std::printf("32/%-2d prompt %5d..%5d          %8.1f %8.1f %8.1f | %.0f TFLOP/s\n", kv,
                    first, first + 2048, us, flops / flop_rate * 1e-6, before, flops / us * 1e-6);
        std::fflush(stdout);
      }
    }
    std::printf("32/%-2d prompt of 32768           %8.1f %8.1f\n", kv, total, total_floor);
  }
  const Shape s{32, 8, 128, 16, 0};
  Cache cache(s, std::vector<int>(64, 1100), 1);
  std::vector<Span> spans;
  for (int i = 0; i < 63; i++) {
    spans.push_back({i, 1023, 1});
  }
  spans.push_back({63, 0, 512});
  Run run(cache, spans);
  run.reset();
  for (int rows : {16, 32, 128}) {
    std::printf("63 decode at 1024 and 512 of a prompt, rows %d: %.1f us\n", rows,
                time_graph([&] { attend_with(run, rows, 1, 0); }, 3));
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
