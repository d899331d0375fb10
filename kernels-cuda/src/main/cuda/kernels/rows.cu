// Row operations:
//   embed      dst[t] = table[id[t]], or of a token that the step before chose
//   gather     dst[i] = x[indices[i]]
//   add        residual[t] += delta[t]
//   scale      x[t] *= factor
//   add_bias   x[t] += bias
//   activate   x[t] = activation(x[t])
//   activate_mul   dst[t] = activation(gate[t]) up[t]
// Shapes: all [tokens, columns], table [vocab, padded], or packed as packed.cuh or operand.cuh say.
// A block computes up to 1024 columns of a row, a thread four, 256 apart.
// Activations fp32; table bf16, fp16 or fp32; any shape.
// Precision: fp32. Determinism: no sums.
#include "math.cuh"
#include "operand.cuh"
#include "packed.cuh"
#include "step.cuh"
#include "weights.cuh"

namespace krait {

constexpr int kRowThreads = 256;
constexpr int kRowColumns = 4 * kRowThreads;

struct EmbedParams {
  Rows dst;  // [tokens, columns]
  Step step;
  const Chosen* chosen;  // [outputs] of the step before
  const void* table;     // [vocab, padded]
  int padded;            // columns; of an operand its rows
};

// The token id of a row: its own, or of an output of the step before; 0 where nothing was chosen.
__device__ inline int token_id(const EmbedParams& p) {
  const int id = p.step.tokens[blockIdx.x].id;
  return id >= 0 ? id : max(p.chosen[-1 - id].id, 0);
}

struct GatherParams {
  Rows dst;            // [count, columns]
  Rows x;              // [tokens, columns]
  const int* indices;  // [count]
};

struct AddParams {
  Rows residual;  // [tokens, columns]
  Rows delta;     // [tokens, columns]
};

struct ScaleParams {
  Rows x;  // [tokens, columns]
  float factor;
};

struct AddBiasParams {
  Rows x;             // [tokens, columns]
  const float* bias;  // [columns]
};

struct ActivateParams {
  Rows x;  // [tokens, columns]
  int activation;
};

struct ActivateMulParams {
  Rows dst;   // [tokens, columns]
  Rows gate;  // [tokens, columns]
  Rows up;    // [tokens, columns]
  int activation;
};

__device__ inline float to_float(float v) { return v; }
__device__ inline float to_float(__half v) { return __half2float(v); }

// Calls body(column) for this thread's columns of the row blockIdx.x.
template <typename Body>
__device__ inline void for_columns(int columns, Body body) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int column = static_cast<int>(blockIdx.y) * kRowColumns + i * kRowThreads +
                       static_cast<int>(threadIdx.x);
    if (column < columns) {
      body(column);
    }
  }
}

template <typename T>
__device__ inline void embed(const EmbedParams& p) {
  const T* from = static_cast<const T*>(p.table) + static_cast<long long>(token_id(p)) * p.padded;
  float* to = p.dst.row(blockIdx.x);
  for_columns(p.dst.columns, [=](int c) { to[c] = to_float(from[c]); });
}

__device__ inline void embed_packed(const EmbedParams& p) {
  const auto* from = static_cast<const unsigned short*>(p.table);
  const int row = token_id(p);
  const int tiles = p.padded / kTileColumns;
  float* to = p.dst.row(blockIdx.x);
  for_columns(p.dst.columns, [=](int c) {
    to[c] = __uint_as_float(static_cast<unsigned int>(from[packed_index(row, c, tiles)]) << 16);
  });
}

__device__ inline void embed_operand(const EmbedParams& p) {
  const auto* from = static_cast<const unsigned char*>(p.table);
  const int row = token_id(p);
  float* to = p.dst.row(blockIdx.x);
  for_columns(p.dst.columns, [=](int c) {
    to[c] = __bfloat162float(
        *reinterpret_cast<const __nv_bfloat16*>(from + operand_offset(row, c, p.padded)));
  });
}

}  // namespace krait

#define KRAIT_EMBED(name, type)                                    \
  extern "C" __global__ void __launch_bounds__(krait::kRowThreads) \
      name(const __grid_constant__ krait::EmbedParams p) {         \
    krait::begin();                                                \
    krait::embed<type>(p);                                         \
  }                                                                \
  KRAIT_PARAMS(name, krait::EmbedParams)

KRAIT_EMBED(embed_f16, __half);
KRAIT_EMBED(embed_f32, float);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    embed_bf16(const __grid_constant__ krait::EmbedParams p) {
  krait::begin();
  krait::embed_packed(p);
}
KRAIT_PARAMS(embed_bf16, krait::EmbedParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    embed_operand(const __grid_constant__ krait::EmbedParams p) {
  krait::begin();
  krait::embed_operand(p);
}
KRAIT_PARAMS(embed_operand, krait::EmbedParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    gather(const __grid_constant__ krait::GatherParams p) {
  krait::begin();
  const float* from = p.x.row(p.indices[blockIdx.x]);
  float* to = p.dst.row(blockIdx.x);
  krait::for_columns(p.dst.columns, [=](int c) { to[c] = from[c]; });
}
KRAIT_PARAMS(gather, krait::GatherParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    add(const __grid_constant__ krait::AddParams p) {
  krait::begin();
  const float* from = p.delta.row(blockIdx.x);
  float* to = p.residual.row(blockIdx.x);
  krait::for_columns(p.residual.columns, [=](int c) { to[c] += from[c]; });
}
KRAIT_PARAMS(add, krait::AddParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    scale(const __grid_constant__ krait::ScaleParams p) {
  krait::begin();
  float* x = p.x.row(blockIdx.x);
  const float factor = p.factor;
  krait::for_columns(p.x.columns, [=](int c) { x[c] *= factor; });
}
KRAIT_PARAMS(scale, krait::ScaleParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    add_bias(const __grid_constant__ krait::AddBiasParams p) {
  krait::begin();
  float* x = p.x.row(blockIdx.x);
  const float* bias = p.bias;
  krait::for_columns(p.x.columns, [=](int c) { x[c] += bias[c]; });
}
KRAIT_PARAMS(add_bias, krait::AddBiasParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    activate(const __grid_constant__ krait::ActivateParams p) {
  krait::begin();
  float* x = p.x.row(blockIdx.x);
  const int activation = p.activation;
  krait::for_columns(p.x.columns, [=](int c) { x[c] = krait::activate(activation, x[c]); });
}
KRAIT_PARAMS(activate, krait::ActivateParams);

extern "C" __global__ void __launch_bounds__(krait::kRowThreads)
    activate_mul(const __grid_constant__ krait::ActivateMulParams p) {
  krait::begin();
  const float* gate = p.gate.row(blockIdx.x);
  const float* up = p.up.row(blockIdx.x);
  float* to = p.dst.row(blockIdx.x);
  const int activation = p.activation;
  krait::for_columns(p.dst.columns,
                     [=](int c) { to[c] = krait::activate(activation, gate[c]) * up[c]; });
}
KRAIT_PARAMS(activate_mul, krait::ActivateMulParams);
KRAIT_CONSTANT(rows_threads, krait::kRowThreads);
KRAIT_CONSTANT(rows_columns, krait::kRowColumns);
KRAIT_CONSTANT(step_token_bytes, sizeof(krait::Token));
KRAIT_CONSTANT(step_sequence_bytes, sizeof(krait::Sequence));
