// Mamba-1 with replay and gate (arXiv 2312.00752; grouped form arXiv 2408.15237):
//   h[n, c] = exp(dt[c] a[n, c]) h[n, c] + dt[c] x[c] b[b_group(c), n]
//   dst[c]  = (d[c] x[c] + sum_n c[c_group(c), n] h[n, c]) silu(z[c]),  dt = softplus(step + bias)
// Shapes: dst, x, time_step, z [tokens, inner]; b [tokens, b_groups * states]; c [tokens, c_groups
// *
//   states]; a [states, inner]; state [slots, states, inner]; window [slots, window_tokens, 2 *
//   inner
//   + b_groups * states] holds x, dt, b of a position at row position % window_tokens.
// For few tokens and up to 32 states the kernels _steps compute the step sizes, time_step =
//   low_rank time_weight^T, with the bits that a product has: a chain of mma.m16n8k16, see
//   chain.cuh.
// dst may be a bf16 operand, see operand.cuh.
// Four threads of a warp take one channel of one sequence through fold, direct, held and windowed
// tokens, each with a quarter of the states in registers. Where sequences have more than one
// token, the inputs of several are loaded before the first of them is computed. The state is read
// once and written at most once; held and windowed tokens never reach it. fp32; up to 128 states.
// Precision: fp32. Determinism: states of a thread in order, then the four threads.
#include "math.cuh"
#include "mma.cuh"
#include "operand.cuh"
#include "step.cuh"

namespace krait {

constexpr int kScanThreads = 128;
constexpr int kQuarters = 4;
constexpr int kScanChannels = kScanThreads / kQuarters;
constexpr int kScanFewTokens = 16;  // that step sizes are computed for
constexpr int kRankSteps = 16;      // of 16 columns, at most

struct SelectiveScanParams {
  Rows dst;        // [tokens, inner]
  Rows x;          // [tokens, inner]
  Rows time_step;  // [tokens, inner]
  Rows b;          // [tokens, b_groups * states]
  Rows c;          // [tokens, c_groups * states]
  Rows z;          // [tokens, inner]
  Step step;
  const float* a;     // [states, inner]
  const float* d;     // [inner]
  const float* bias;  // [inner]
  float* state;       // [slots, states, inner]
  float* window;      // [slots, window_tokens, 2 * inner + b_groups * states]
  int inner;
  int states;
  int b_groups;
  int c_groups;
  int window_tokens;
  int operand_rows;                  // 0 when dst is fp32 rows; else dst.data is an operand
  Rows low_rank;                     // [tokens, rank]
  const unsigned char* time_weight;  // operand [chunks, time_rows, 64]
  int time_rows;
};

// kStates: states of one thread.
template <int kStates>
struct SelectiveState {
  float h[kStates];
  float a[kStates];

  __device__ void advance(float x, float dt, const float (&b)[kStates]) {
    const float scaled = dt * x;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      h[i] = fmaf(expf(dt * a[i]), h[i], scaled * b[i]);
    }
  }
};

// A thread's part of what a token brings to the states; zeros behind the last state.
template <int kStates>
struct SelectiveInput {
  float x;
  float dt;
  float b[kStates];

  __device__ void load_b(const float* from, int first, int states) {
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      b[i] = first + i < states ? from[first + i] : 0.0f;
    }
  }
};

struct TimeStepMemory {
  unsigned int low_rank[kScanFewTokens][kRankSteps * 8 + 4];  // pairs, rows in different banks
  float time_steps[kScanFewTokens][kScanChannels];
};

// Step sizes of a sequence's tokens for the eight channels of each warp.
struct TimeSteps {
  unsigned int weight[kRankSteps][2];
  int steps = 0;

  // Weights: may be called before the previous kernel has ended.
  __device__ void load_weights(const SelectiveScanParams& p) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int row = min(static_cast<int>(blockIdx.x) * kScanChannels +
                            static_cast<int>(threadIdx.x) / 32 * 8 + lane / 4,
                        p.time_rows - 1);
    steps = (p.low_rank.columns + 15) / 16;
#pragma unroll
    for (int k = 0; k < kRankSteps; k++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int column = k * 16 + half * 8 + lane % 4 * 2;
        weight[k][half] = k < steps ? *reinterpret_cast<const unsigned int*>(
                                          p.time_weight + operand_offset(row, column, p.time_rows))
                                    : 0u;
      }
    }
  }

  __device__ void compute(const SelectiveScanParams& p, const Sequence& sequence,
                          TimeStepMemory& memory) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int channel = static_cast<int>(threadIdx.x) / 32 * 8 + lane % 4 * 2;
    const int pairs = 8 * steps;
    for (int i = static_cast<int>(threadIdx.x); i < sequence.tokens * pairs; i += kScanThreads) {
      const float* row = p.low_rank.row(sequence.first_row + i / pairs);
      const int column = i % pairs * 2;
      memory.low_rank[i / pairs][i % pairs] =
          pack_pair(column < p.low_rank.columns ? row[column] : 0.0f,
                    column + 1 < p.low_rank.columns ? row[column + 1] : 0.0f);
    }
    __syncthreads();
    const auto pair = [&](int token, int at) {
      return token < sequence.tokens ? memory.low_rank[token][at] : 0u;
    };
    float sums[4] = {};
#pragma unroll
    for (int k = 0; k < kRankSteps; k++) {
      if (k < steps) {
        const int at = k * 8 + lane % 4;
        const unsigned int x[4] = {pair(lane / 4, at), pair(lane / 4 + 8, at),
                                   pair(lane / 4, at + 4), pair(lane / 4 + 8, at + 4)};
        multiply_add(sums, x, weight[k][0], weight[k][1]);
      }
    }
    memory.time_steps[lane / 4][channel] = sums[0];
    memory.time_steps[lane / 4][channel + 1] = sums[1];
    memory.time_steps[lane / 4 + 8][channel] = sums[2];
    memory.time_steps[lane / 4 + 8][channel + 1] = sums[3];
    __syncwarp();
  }
};

// kAhead: tokens whose inputs a thread loads at a time. kProjects: whether step sizes are computed.
template <int kStates, int kAhead, bool kProjects>
__device__ inline void selective_scan(const SelectiveScanParams& p) {
  [[maybe_unused]] __shared__ TimeStepMemory memory;
  launch_next();
  [[maybe_unused]] TimeSteps projection;
  if constexpr (kProjects) {
    projection.load_weights(p);
  }
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int quarter = lane / 8;
  const int channel = static_cast<int>(blockIdx.x) * kScanChannels + warp * 8 + lane % 8;
  const bool valid = channel < p.inner;
  const int own = min(channel, p.inner - 1);
  const float d = p.d[own];
  const float bias = p.bias[own];
  const int first = quarter * kStates;
  SelectiveState<kStates> s;
  const auto load_a = [&](int i) {
    return first + i < p.states ? p.a[static_cast<long long>(first + i) * p.inner + own] : 0.0f;
  };
  if constexpr (kProjects) {
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      s.a[i] = load_a(i);
    }
  }
  const Sequence sequence = p.step.sequences[blockIdx.y];
  wait_for_previous();
  [[maybe_unused]] bool projected = false;
  const int width = p.inner / p.c_groups;
  const int c_group = own / width;
  const int b_group = c_group / (p.c_groups / p.b_groups);
  const int input_elements = 2 * p.inner + p.b_groups * p.states;
  float* window =
      p.window + static_cast<long long>(sequence.slot) * p.window_tokens * input_elements;
  float* state = p.state + static_cast<long long>(sequence.slot) * p.states * p.inner;
#pragma unroll
  for (int i = 0; i < kStates; i++) {
    if constexpr (!kProjects) {
      s.a[i] = load_a(i);
    }
    const bool used = first + i < p.states && !sequence.starts_fresh();
    s.h[i] = used ? state[static_cast<long long>(first + i) * p.inner + own] : 0.0f;
  }
  const auto replay = [&](int from, int tokens) {
    for (int j = 0; j < tokens; j += kAhead) {
      SelectiveInput<kStates> in[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; i++) {
        if (j + i < tokens) {
          const float* row =
              window + static_cast<long long>((from + j + i) % p.window_tokens) * input_elements;
          in[i].x = row[own];
          in[i].dt = row[p.inner + own];
          in[i].load_b(row + 2 * p.inner + b_group * p.states, first, p.states);
        }
      }
#pragma unroll
      for (int i = 0; i < kAhead; i++) {
        if (j + i < tokens) {
          s.advance(in[i].x, in[i].dt, in[i].b);
        }
      }
    }
  };
  const auto commit = [&] {
    if (sequence.writes_state()) {
      // A stride that the compiler cannot know, lest it keeps the addresses of the loads for this.
      int stride;
      asm volatile("mov.u32 %0, %1;" : "=r"(stride) : "r"(p.inner));
      float* to = state + static_cast<long long>(first) * stride + own;
#pragma unroll
      for (int i = 0; i < kStates; i++) {
        if (valid && first + i < p.states) {
          *to = s.h[i];
        }
        to += stride;
      }
    }
  };
  // With one token at a time there are no registers for these before it is computed.
  const auto load_c = [&](int row, float (&c)[kStates]) {
    const float* from = p.c.row(row) + c_group * p.states;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      c[i] = first + i < p.states ? from[first + i] : 0.0f;
    }
  };
  const auto token = [&](int j, const SelectiveInput<kStates>& in, float (&c)[kStates], float z,
                         bool windowed) {
    const int row = sequence.first_row + j;
    if (windowed) {
      const int position = sequence.first_position + j;
      float* to = window + static_cast<long long>(position % p.window_tokens) * input_elements;
      if (valid && quarter == 0) {
        to[own] = in.x;
        to[p.inner + own] = in.dt;
      }
      if (blockIdx.x == 0) {
        for (int i = static_cast<int>(threadIdx.x); i < p.b_groups * p.states; i += kScanThreads) {
          to[2 * p.inner + i] = p.b.row(row)[i];
        }
      }
    }
    s.advance(in.x, in.dt, in.b);
    if constexpr (kAhead == 1) {
      load_c(row, c);
    }
    float sum = quarter == 0 ? d * in.x : 0.0f;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      sum = fmaf(c[i], s.h[i], sum);
    }
    sum += __shfl_xor_sync(0xffffffffu, sum, 8);
    sum += __shfl_xor_sync(0xffffffffu, sum, 16);
    if (quarter == 0 && channel < written_columns(p.dst, p.operand_rows)) {
      store(p.dst, p.operand_rows, row, channel, valid ? sum * silu(z) : 0.0f);
    }
  };
  // Direct tokens follow the folded ones, windowed tokens the held ones; in between the state is
  // written.
  const int direct = min(sequence.direct, sequence.tokens);
#pragma unroll 1
  for (int phase = 0; phase < 2; phase++) {
    const bool windowed = phase == 1;
    const int end = windowed ? sequence.tokens : direct;
    if (windowed && direct == end) {
      break;
    }
    replay(windowed ? sequence.first_position - sequence.held : sequence.fold_from(),
           windowed ? sequence.held : sequence.fold);
#pragma unroll 1
    for (int j = windowed ? direct : 0; j < end; j += kAhead) {
      SelectiveInput<kStates> in[kAhead];
      float c[kAhead][kStates];
      float z[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; i++) {
        // Without a condition, and kept together: else a load would wait for its token's turn.
        const int row = sequence.first_row + min(j + i, end - 1);
        in[i].x = p.x.row(row)[own];
        in[i].dt = kProjects ? 0.0f : p.time_step.row(row)[own];
        in[i].load_b(p.b.row(row) + b_group * p.states, first, p.states);
        if constexpr (kAhead > 1) {
          load_c(row, c[i]);
        }
        z[i] = p.z.row(row)[own];
      }
      if constexpr (kAhead > 1) {
#pragma unroll
        for (int i = 0; i < kAhead; i++) {
          asm volatile("" : "+f"(in[i].x), "+f"(in[i].dt), "+f"(z[i]));
#pragma unroll
          for (int n = 0; n < kStates; n++) {
            asm volatile("" : "+f"(in[i].b[n]), "+f"(c[i][n]));
          }
        }
      }
      if constexpr (kProjects) {
        // Once, while the first inputs are on their way.
        if (!projected) {
          projection.compute(p, sequence, memory);
          projected = true;
        }
#pragma unroll
        for (int i = 0; i < kAhead; i++) {
          in[i].dt = memory.time_steps[min(j + i, end - 1)][warp * 8 + lane % 8];
        }
      }
#pragma unroll
      for (int i = 0; i < kAhead; i++) {
        if (j + i < end) {
          in[i].dt = softplus(in[i].dt + bias);
          token(j + i, in[i], c[i], z[i], windowed);
        }
      }
    }
    if (!windowed) {
      commit();
    }
  }
}

}  // namespace krait

#define KRAIT_SELECTIVE_SCAN(name, states, ahead, projects)               \
  extern "C" __global__ void __launch_bounds__(krait::kScanThreads, 1)    \
      name(const __grid_constant__ krait::SelectiveScanParams p) {        \
    krait::selective_scan<states / krait::kQuarters, ahead, projects>(p); \
  }                                                                       \
  KRAIT_PARAMS(name, krait::SelectiveScanParams)

KRAIT_SELECTIVE_SCAN(selective_scan_8, 8, 1, false);
KRAIT_SELECTIVE_SCAN(selective_scan_16, 16, 1, false);
KRAIT_SELECTIVE_SCAN(selective_scan_32, 32, 1, false);
KRAIT_SELECTIVE_SCAN(selective_scan_128, 128, 1, false);

// As many tokens as there are registers for.
KRAIT_SELECTIVE_SCAN(selective_scan_8_ahead, 8, 8, false);
KRAIT_SELECTIVE_SCAN(selective_scan_16_ahead, 16, 8, false);
KRAIT_SELECTIVE_SCAN(selective_scan_32_ahead, 32, 4, false);

KRAIT_SELECTIVE_SCAN(selective_scan_8_steps, 8, 4, true);
KRAIT_SELECTIVE_SCAN(selective_scan_16_steps, 16, 4, true);
KRAIT_SELECTIVE_SCAN(selective_scan_32_steps, 32, 4, true);
KRAIT_CONSTANT(selective_scan_threads, krait::kScanThreads);
KRAIT_CONSTANT(selective_scan_channels, krait::kScanChannels);
KRAIT_CONSTANT(selective_scan_steps_tokens, krait::kScanFewTokens);
KRAIT_CONSTANT(selective_scan_steps_rank, 16 * krait::kRankSteps);
