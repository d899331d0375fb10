// Mamba-2 with replay (arXiv 2405.21060; grouped form arXiv 2408.15237):
//   h[n, p] = exp(dt a) h[n, p] + dt b[b_group, n] x[x_head, p]
//   dst[p]  = d x[x_head, p] + sum_n c[c_group, n] h[n, p],  dt = softplus(step + bias), by head
// Shapes: dst [tokens, heads * head_dim]; xbc [tokens, x_dim + (b_groups + c_groups) * states];
//   time_step [tokens, heads]; state [slots, heads, states, head_dim]; window [slots,
//   window_tokens, x_dim + b_groups * states + heads] holds x, b, dt of a position at row position
//   % window_tokens.
// A block takes some elements of one head of one sequence through fold, direct, held and windowed
// tokens; a thread has one element and a quarter of the states in registers. The inputs of several
// tokens pass shared memory at a time, the next ones being copied meanwhile. The state is read once
// and written at most once; held and windowed tokens never reach it.
// fp32; up to 256 states.
// Precision: fp32. Determinism: states of a thread in order, then the four threads.
#include "math.cuh"
#include "mma.cuh"
#include "step.cuh"

namespace krait {

constexpr int kSsdParts = 4;
constexpr int kSsdMaxElements = 64;  // of a block

// Tokens whose inputs are copied at a time.
template <int kPadded>
constexpr int kSsdAhead = kPadded <= 128 ? 8 : 4;

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
  constexpr int kPadded = kSsdParts * kStates;  // zeros behind the last state
  constexpr int kAhead = kSsdAhead<kPadded>;
  __shared__ __align__(16) float b[2][kAhead][kPadded];
  __shared__ __align__(16) float c[2][kAhead][kPadded];
  __shared__ float x[2][kAhead][kSsdMaxElements];
  __shared__ float step[2][kAhead];
  __shared__ float dt[kAhead];
  __shared__ float sums[kAhead][kSsdParts][kSsdMaxElements];
  const int head = blockIdx.x;
  const Sequence sequence = p.step.sequences[blockIdx.y];
  const int tid = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const int width = threads / kSsdParts;
  const int own = tid % width;
  const int wanted = static_cast<int>(blockIdx.z) * width + own;
  const bool exists = wanted < p.head_dim;
  const int element = min(wanted, p.head_dim - 1);
  const int part = tid / width;
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
  const auto advance = [&](float x, float dt, const float* inputs) {
    const float decay = expf(dt * a);
    const float scaled = dt * x;
#pragma unroll
    for (int i = 0; i < kStates; i++) {
      h[i] = fmaf(decay, h[i], scaled * inputs[first + i]);
    }
  };
  const auto replay = [&](int from, int tokens) {
#pragma unroll 1
    for (int j = 0; j < tokens; j += kAhead) {
      const int some = min(kAhead, tokens - j);
      const auto row = [&](int i) {
        return window + static_cast<long long>((from + j + i) % p.window_tokens) * input_elements;
      };
      __syncthreads();
      for (int i = tid; i < some * kPadded; i += threads) {
        const int n = i % kPadded;
        b[0][i / kPadded][n] = n < p.states ? row(i / kPadded)[b_at + n] : 0.0f;
      }
      __syncthreads();
#pragma unroll 1
      for (int i = 0; i < some; i++) {
        advance(row(i)[x_at], row(i)[dt_at], b[0][i]);
      }
    }
  };
  // Starts copies of the inputs of tokens [from, end), as many as there is room for.
  const auto copy = [&](int slot, int from, int end) {
    const int some = min(kAhead, end - from);
    const int row = sequence.first_row + from;
#pragma unroll 1
    for (int i = tid; i < some * kPadded; i += threads) {
      const int token = i / kPadded;
      const int n = i % kPadded;
      const bool used = n < p.states;
      const float* inputs = p.xbc.row(row + token) + (used ? n : 0);
      copy_word(shared_place(&b[slot][token][n]), inputs + b_at, used);
      copy_word(shared_place(&c[slot][token][n]), inputs + c_at, used);
    }
#pragma unroll 1
    for (int i = part; i < some; i += kSsdParts) {
      copy_word(shared_place(&x[slot][i][own]), p.xbc.row(row + i) + x_at, true);
    }
    for (int i = tid; i < some; i += threads) {
      copy_word(shared_place(&step[slot][i]), p.time_step.row(row + i) + head, true);
    }
    copies_commit();
  };
  const auto commit = [&] {
    if (sequence.writes_state()) {
      // A stride that the compiler cannot know, lest it keeps the addresses of the loads for this.
      int stride;
      asm volatile("mov.u32 %0, %1;" : "=r"(stride) : "r"(p.head_dim));
      float* to = state + first * p.head_dim + element;
#pragma unroll
      for (int i = 0; i < kStates; i++) {
        if (exists && first + i < p.states) {
          *to = h[i];
        }
        to += stride;
      }
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
    int slot = 0;
    __syncthreads();
    copy(slot, windowed ? direct : 0, end);
#pragma unroll 1
    for (int from_token = windowed ? direct : 0; from_token < end; from_token += kAhead) {
      const int some = min(kAhead, end - from_token);
      copies_wait<0>();
      __syncthreads();
      for (int i = tid; i < some; i += threads) {
        dt[i] = softplus(step[slot][i] + bias);
      }
      copy(slot ^ 1, from_token + kAhead, end);
      __syncthreads();
      if (windowed) {
#pragma unroll 1
        for (int i = 0; i < some; i++) {
          const int position = sequence.first_position + from_token + i;
          float* to = window + static_cast<long long>(position % p.window_tokens) * input_elements;
          if (tid == 0 && blockIdx.z == 0) {
            to[dt_at] = dt[i];
          }
          if (head == 0 && blockIdx.z == 0) {
            const float* inputs = p.xbc.row(sequence.first_row + from_token + i);
#pragma unroll 1
            for (int k = tid; k < x_dim + p.b_groups * p.states; k += threads) {
              to[k] = inputs[k];
            }
          }
        }
      }
#pragma unroll 1
      for (int i = 0; i < some; i++) {
        advance(x[slot][i][own], dt[i], b[slot][i]);
        float sum = 0.0f;
#pragma unroll
        for (int n = 0; n < kStates; n++) {
          sum = fmaf(c[slot][i][first + n], h[n], sum);
        }
        sums[i][part][own] = sum;
      }
      __syncthreads();
      // The parts share the tokens.
#pragma unroll 1
      for (int i = part; i < some; i += kSsdParts) {
        float all = d * x[slot][i][own] + sums[i][0][own];
#pragma unroll
        for (int other = 1; other < kSsdParts; other++) {
          all += sums[i][other][own];
        }
        if (exists) {
          p.dst.row(sequence.first_row + from_token + i)[head * p.head_dim + element] = all;
        }
      }
      slot ^= 1;
    }
    if (!windowed) {
      commit();
    }
  }
}

}  // namespace krait

#define KRAIT_SSD_SCAN(states)                                                              \
  extern "C" __global__ void __launch_bounds__(krait::kSsdParts* krait::kSsdMaxElements, 1) \
      ssd_scan_##states(const __grid_constant__ krait::SsdScanParams p) {                   \
    krait::begin();                                                                         \
    krait::ssd_scan<states / krait::kSsdParts>(p);                                          \
  }                                                                                         \
  KRAIT_PARAMS(ssd_scan_##states, krait::SsdScanParams)

KRAIT_SSD_SCAN(16);
KRAIT_SSD_SCAN(64);
KRAIT_SSD_SCAN(128);
KRAIT_SSD_SCAN(256);
KRAIT_CONSTANT(ssd_parts, krait::kSsdParts);
KRAIT_CONSTANT(ssd_most_elements, krait::kSsdMaxElements);
