// Mamba-1 with replay and gate (arXiv 2312.00752; grouped form arXiv 2408.15237):
//   h[n, c] = exp(dt[c] a[n, c]) h[n, c] + dt[c] x[c] b[b_group(c), n]
//   dst[c]  = (d[c] x[c] + sum_n c[c_group(c), n] h[n, c]) silu(z[c]),  dt = softplus(step + bias)
// Shapes: dst, x, time_step, z [tokens, inner]; b [tokens, b_groups * states]; c [tokens, c_groups
// *
//   states]; a [states, inner]; state [slots, states, inner]; window [slots, window_tokens, 2 *
//   inner
//   + b_groups * states] holds x, dt, b of a position at row position % window_tokens.
// Four threads of a warp take one channel of one sequence through fold, direct, held and windowed
// tokens, each with a quarter of the states in registers. The state is read once and written at
// most once; held and windowed tokens never reach it.
// fp32; up to 128 states.
// Precision: fp32. Determinism: states of a thread in order, then the four threads.
#include "math.cuh"
#include "step.cuh"

namespace krait {

constexpr int kScanThreads = 128;
constexpr int kQuarters = 4;
constexpr int kScanChannels = kScanThreads / kQuarters;

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
};

// kStates: states of one thread.
template <int kStates>
struct SelectiveState {
  float h[kStates];
  float a[kStates];

  __device__ void advance(float x, float dt, const float* b, int first, int states) {
    const float scaled = dt * x;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      const float input = first + i < states ? b[first + i] : 0.0f;
      h[i] = fmaf(expf(dt * a[i]), h[i], scaled * input);
    }
  }
};

template <int kStates>
__device__ inline void selective_scan(const SelectiveScanParams& p) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int quarter = lane / 8;
  const int channel = static_cast<int>(blockIdx.x) * kScanChannels + warp * 8 + lane % 8;
  const bool valid = channel < p.inner;
  const int own = min(channel, p.inner - 1);
  const Sequence sequence = p.step.sequences[blockIdx.y];
  const int first = quarter * kStates;
  const int width = p.inner / p.c_groups;
  const int c_group = own / width;
  const int b_group = c_group / (p.c_groups / p.b_groups);
  const int input_elements = 2 * p.inner + p.b_groups * p.states;
  float* window =
      p.window + static_cast<long long>(sequence.slot) * p.window_tokens * input_elements;
  float* state = p.state + static_cast<long long>(sequence.slot) * p.states * p.inner;
  const float d = p.d[own];
  const float bias = p.bias[own];
  SelectiveState<kStates> s;
#pragma unroll
  for (int i = 0; i < kStates; i++) {
    const bool used = first + i < p.states;
    const long long at = static_cast<long long>(first + i) * p.inner + own;
    s.a[i] = used ? p.a[at] : 0.0f;
    s.h[i] = used && !sequence.starts_fresh() ? state[at] : 0.0f;
  }
  const auto replay = [&](int from, int tokens) {
    for (int j = 0; j < tokens; j++) {
      const float* row =
          window + static_cast<long long>((from + j) % p.window_tokens) * input_elements;
      s.advance(row[own], row[p.inner + own], row + 2 * p.inner + b_group * p.states, first,
                p.states);
    }
  };
  const auto commit = [&] {
    if (sequence.writes_state()) {
#pragma unroll
      for (int i = 0; i < kStates; i++) {
        if (valid && first + i < p.states) {
          state[static_cast<long long>(first + i) * p.inner + own] = s.h[i];
        }
      }
    }
  };
  replay(sequence.fold_from(), sequence.fold);
  for (int j = 0; j < sequence.tokens; j++) {
    const int row = sequence.first_row + j;
    if (j == sequence.direct) {
      commit();
      replay(sequence.first_position - sequence.held, sequence.held);
    }
    const float x = p.x.row(row)[own];
    const float dt = softplus(p.time_step.row(row)[own] + bias);
    const float* b = p.b.row(row) + b_group * p.states;
    const float* c = p.c.row(row) + c_group * p.states;
    if (j >= sequence.direct) {
      const int position = sequence.first_position + j;
      float* to = window + static_cast<long long>(position % p.window_tokens) * input_elements;
      if (valid && quarter == 0) {
        to[own] = x;
        to[p.inner + own] = dt;
      }
      if (blockIdx.x == 0) {
        for (int i = static_cast<int>(threadIdx.x); i < p.b_groups * p.states; i += kScanThreads) {
          to[2 * p.inner + i] = p.b.row(row)[i];
        }
      }
    }
    s.advance(x, dt, b, first, p.states);
    float sum = quarter == 0 ? d * x : 0.0f;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      const float weight = first + i < p.states ? c[first + i] : 0.0f;
      sum = fmaf(weight, s.h[i], sum);
    }
    sum += __shfl_xor_sync(0xffffffffu, sum, 8);
    sum += __shfl_xor_sync(0xffffffffu, sum, 16);
    if (valid && quarter == 0) {
      p.dst.row(row)[own] = sum * silu(p.z.row(row)[own]);
    }
  }
  if (sequence.direct >= sequence.tokens) {
    commit();
  }
}

}  // namespace krait

#define KRAIT_SELECTIVE_SCAN(states)                                                  \
  extern "C" __global__ void __launch_bounds__(krait::kScanThreads)                   \
      selective_scan_##states(const __grid_constant__ krait::SelectiveScanParams p) { \
    krait::begin();                                                                   \
    krait::selective_scan<states / krait::kQuarters>(p);                              \
  }                                                                                   \
  KRAIT_PARAMS(selective_scan_##states, krait::SelectiveScanParams)

KRAIT_SELECTIVE_SCAN(8);
KRAIT_SELECTIVE_SCAN(16);
KRAIT_SELECTIVE_SCAN(32);
KRAIT_SELECTIVE_SCAN(128);
