// Caches, ragged batches and launches of the attention kernels that attention.cu checks and times.
#pragma once

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "../lab.cuh"
#include "step.cuh"
#undef KRAIT_CONSTANT
#define KRAIT_CONSTANT(name, value) static_assert((value) > 0)

#include "../../../kernels-cuda/src/main/cuda/kernels/attend.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/attend_few.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/attend_many.cu"

using bf16 = __nv_bfloat16;
using krait::AttendParams;
using krait::AttendTilesParams;

struct Shape {
  int heads, kv_heads, head_dim, block_tokens, window;
};

// Some tokens of a sequence.
struct Span {
  int sequence, first, count;
};

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
