// Mamba-2 with replay (arXiv 2405.21060; grouped form arXiv 2408.15237):
//   h[n, p] = exp(dt a) h[n, p] + dt b[b_group, n] x[x_head, p]
//   dst[p]  = d x[x_head, p] + sum_n c[c_group, n] h[n, p],  dt = softplus(step + bias), by head
// Shapes: dst [tokens, heads * head_dim]; xbc [tokens, x_dim + (b_groups + c_groups) * states];
//   time_step [tokens, heads]; state [slots, heads, states, head_dim]; window [slots,
//   window_tokens, x_dim + b_groups * states + heads] holds x, b, dt of a position at row position
//   % window_tokens.
// A block takes one head of one sequence through fold, direct, held and windowed tokens; a thread
// has one element of the head and every fourth part of the states in registers. The state is read
// once and written at most once; held and windowed tokens never reach it.
// fp32; head_dim up to 128, up to 256 states.
// Precision: fp32. Determinism: states of a thread in order, then the four threads.
#include "math.cuh"
#include "step.cuh"

namespace krait {

constexpr int kSsdParts = 4;
constexpr int kSsdMaxHeadDim = 128;
constexpr int kSsdMaxStates = 256;

struct SsdScanParams {
  Rows dst;        // [tokens, heads * head_dim]
  Rows xbc;        // [tokens, x_dim + (b_groups + c_groups) * states]
  Rows time_step;  // [tokens, heads]
  Step step;
  const float* a;     // [heads]
  const float* d;     // [heads]
  const float* bias;  // [heads]
  float* state;       // [slots, heads, states, head_dim]
  float* window;      // [slots, window_tokens, x_dim + b_groups * states + heads]
  int heads;
  int head_dim;
  int states;
  int x_heads;
  int b_groups;
  int c_groups;
  int window_tokens;
};

// kStates: states of one thread.
template <int kStates>
__device__ inline void ssd_scan(const SsdScanParams& p) {
  __shared__ float b[kSsdMaxStates];
  __shared__ float c[kSsdMaxStates];
  __shared__ float sums[kSsdParts][kSsdMaxHeadDim];
  const int head = blockIdx.x;
  const Sequence sequence = p.step.sequences[blockIdx.y];
  const int tid = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const int element = tid % p.head_dim;
  const int part = tid / p.head_dim;
  const int first = part * kStates;
  const int x_dim = p.x_heads * p.head_dim;
  const int x_at = head / (p.heads / p.x_heads) * p.head_dim + element;
  const int b_at = x_dim + head / (p.heads / p.b_groups) * p.states;
  const int c_at = x_dim + p.b_groups * p.states + head / (p.heads / p.c_groups) * p.states;
  const int dt_at = x_dim + p.b_groups * p.states + head;
  const int input_elements = x_dim + p.b_groups * p.states + p.heads;
  float* window =
      p.window + static_cast<long long>(sequence.slot) * p.window_tokens * input_elements;
  float* state =
      p.state + (static_cast<long long>(sequence.slot) * p.heads + head) * p.states * p.head_dim;
  const float a = p.a[head];
  const float d = p.d[head];
  const float bias = p.bias[head];
  float h[kStates];
  const int mine = sequence.starts_fresh() ? 0 : p.states - first;
  const float* from = state + first * p.head_dim + element;
#pragma unroll
  for (int i = 0; i < kStates; i++) {
    h[i] = i < mine ? *from : 0.0f;
    from += p.head_dim;
  }
  const auto advance = [&](float x, float dt) {
    const float decay = expf(dt * a);
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      const float input = first + i < p.states ? dt * b[first + i] : 0.0f;
      h[i] = fmaf(decay, h[i], input * x);
    }
  };
  const auto replay = [&](int from, int tokens) {
#pragma unroll 1
    for (int j = 0; j < tokens; j++) {
      const float* row =
          window + static_cast<long long>((from + j) % p.window_tokens) * input_elements;
      __syncthreads();
      for (int i = tid; i < p.states; i += threads) {
        b[i] = row[b_at + i];
      }
      __syncthreads();
      advance(row[x_at], row[dt_at]);
    }
  };
  const auto commit = [&] {
    if (sequence.writes_state()) {
      // A stride that the compiler cannot know, lest it keeps the addresses of the loads for this.
      int stride;
      asm volatile("mov.u32 %0, %1;" : "=r"(stride) : "r"(p.head_dim));
      float* to = state + first * p.head_dim + element;
#pragma unroll
      for (int i = 0; i < kStates; i++) {
        if (first + i < p.states) {
          *to = h[i];
        }
        to += stride;
      }
    }
  };
  replay(sequence.fold_from(), sequence.fold);
#pragma unroll 1
  for (int j = 0; j < sequence.tokens; j++) {
    const float* row = p.xbc.row(sequence.first_row + j);
    if (j == sequence.direct) {
      commit();
      replay(sequence.first_position - sequence.held, sequence.held);
    }
    __syncthreads();
    for (int i = tid; i < p.states; i += threads) {
      b[i] = row[b_at + i];
      c[i] = row[c_at + i];
    }
    const float x = row[x_at];
    const float dt = softplus(p.time_step.row(sequence.first_row + j)[head] + bias);
    if (j >= sequence.direct) {
      const int position = sequence.first_position + j;
      float* to = window + static_cast<long long>(position % p.window_tokens) * input_elements;
      if (tid == 0) {
        to[dt_at] = dt;
      }
      if (head == 0) {
        for (int i = tid; i < x_dim + p.b_groups * p.states; i += threads) {
          to[i] = row[i];
        }
      }
    }
    __syncthreads();
    advance(x, dt);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      const float weight = first + i < p.states ? c[first + i] : 0.0f;
      sum = fmaf(weight, h[i], sum);
    }
    sums[part][element] = sum;
    __syncthreads();
    if (part == 0) {
      float all = d * x + sums[0][element];
#pragma unroll
      for (int i = 1; i < kSsdParts; i++) {
        all += sums[i][element];
      }
      p.dst.row(sequence.first_row + j)[head * p.head_dim + element] = all;
    }
  }
  if (sequence.direct >= sequence.tokens) {
    commit();
  }
}

}  // namespace krait

#define KRAIT_SSD_SCAN(states)                                                          \
  extern "C" __global__ void __launch_bounds__(krait::kSsdParts* krait::kSsdMaxHeadDim) \
      ssd_scan_##states(const __grid_constant__ krait::SsdScanParams p) {               \
    krait::begin();                                                                     \
    krait::ssd_scan<states / krait::kSsdParts>(p);                                      \
  }                                                                                     \
  KRAIT_PARAMS(ssd_scan_##states, krait::SsdScanParams)

KRAIT_SSD_SCAN(16);
KRAIT_SSD_SCAN(64);
KRAIT_SSD_SCAN(128);
KRAIT_SSD_SCAN(256);
