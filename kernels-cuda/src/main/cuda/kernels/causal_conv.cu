// dst[t, c] = f(bias[c] + sum_k taps[c, k] x[position - width + 1 + k, source(c)]), k ascending,
// where f is an activation and
//   source(c) = (c / group_width / repeat) group_width + c % group_width;
// raw inputs before the step come from the ring, zeros before position 0, and the step's last ones
// go to the ring.
// Shapes: dst [tokens, channels], x [tokens, sources], taps [channels, width], ring [slots,
//   ring_tokens, sources] at row position % ring_tokens.
// causal_conv       a thread takes one source of one sequence through all its tokens, for all
//   channels that it feeds;
// causal_conv_long  sixteen threads share the tokens of a sequence, each a run of them.
// fp32; width 1 to 8. What products read of dst may also go to a bf16 operand, see operand.cuh.
// Precision: fp32 fused multiply-adds. Determinism: one chain.
#include "math.cuh"
#include "operand.cuh"
#include "step.cuh"

namespace krait {

constexpr int kConvThreads = 64;
constexpr int kConvLanes = 16;
constexpr int kMaxWidth = 8;

struct CausalConvParams {
  Rows dst;  // [tokens, channels]
  Rows x;    // [tokens, sources]
  Step step;
  const float* taps;  // [channels, width]
  const float* bias;  // [channels]
  float* ring;        // [slots, ring_tokens, sources]
  int ring_tokens;
  int group_width;
  int repeat;
  int width;
  int activation;
  unsigned char* operand;  // [channels / 64, operand_rows, 64]; null where no product reads dst
  int operand_rows;
};

// Taps of a channel, zeros before the first; four of them are one load.
template <int kWidth>
__device__ inline void load_taps(float (&taps)[kWidth], const CausalConvParams& p, int channel) {
  if constexpr (kWidth == 4) {
    const float4 all = reinterpret_cast<const float4*>(p.taps)[channel];
    taps[0] = all.x;
    taps[1] = all.y;
    taps[2] = all.z;
    taps[3] = all.w;
  } else {
#pragma unroll
    for (int k = 0; k < kWidth; k++) {
      const int tap = k - (kWidth - p.width);
      taps[k] = tap >= 0 ? p.taps[channel * p.width + tap] : 0.0f;
    }
  }
}

// kWidth is the width or, as the last resort, the largest: earlier taps then count as zeros.
// kLanes threads share the tokens; `lane` is this one's number.
template <int kWidth, int kLanes>
__device__ inline void convolve(const CausalConvParams& p, const Sequence& sequence, int source,
                                int lane) {
  const int sources = p.x.columns;
  float* ring = p.ring + static_cast<long long>(sequence.slot) * p.ring_tokens * sources + source;
  const int run = (sequence.tokens + kLanes - 1) / kLanes;
  const int from = lane * run;
  const int end = min(from + run, sequence.tokens);
  // Ring writes come after all lanes' reads.
  float history[kWidth];
#pragma unroll
  for (int k = 0; k + 1 < kWidth; k++) {
    const int back = kWidth - 1 - k;
    const int position = sequence.first_position + from - back;
    float v = 0.0f;
    if (from < end && position >= 0 && back < p.width) {
      v = from >= back ? p.x.row(sequence.first_row + from - back)[source]
                       : ring[static_cast<long long>(position % p.ring_tokens) * sources];
    }
    history[k + 1] = v;
  }
  if constexpr (kLanes > 1) {
    __syncthreads();
  }
  const int group = source / p.group_width;
  const int first = group * p.repeat * p.group_width + source % p.group_width;
  const Rows operand{reinterpret_cast<float*>(p.operand), 0, p.dst.columns};
  for (int j = from; j < end; j++) {
    const int row = sequence.first_row + j;
#pragma unroll
    for (int k = 0; k + 1 < kWidth; k++) {
      history[k] = history[k + 1];
    }
    history[kWidth - 1] = p.x.row(row)[source];
#pragma unroll 4
    for (int r = 0; r < p.repeat; r++) {
      const int channel = first + r * p.group_width;
      float taps[kWidth];
      load_taps<kWidth>(taps, p, channel);
      float sum = p.bias[channel];
#pragma unroll
      for (int k = 0; k < kWidth; k++) {
        sum = fmaf(taps[k], history[k], sum);
      }
      const float v = activate(p.activation, sum);
      p.dst.row(row)[channel] = v;
      if (p.operand != nullptr) {
        store(operand, p.operand_rows, row, channel, v);
      }
    }
  }
  const int kept = min(sequence.tokens, p.ring_tokens);
  for (int j = sequence.tokens - kept + lane; j < sequence.tokens; j += kLanes) {
    const int position = sequence.first_position + j;
    ring[static_cast<long long>(position % p.ring_tokens) * sources] =
        p.x.row(sequence.first_row + j)[source];
  }
}

// Zeros behind the last column of the operand, by one block of each sequence.
__device__ inline void fill_up(const CausalConvParams& p, const Sequence& sequence, int lane,
                               int lanes) {
  if (p.operand == nullptr || blockIdx.x != 0) {
    return;
  }
  const Rows operand{reinterpret_cast<float*>(p.operand), 0, p.dst.columns};
  const int columns = padded_columns(p.dst.columns);
  for (int j = lane; j < sequence.tokens; j += lanes) {
    for (int i = p.dst.columns + static_cast<int>(threadIdx.x) % kConvThreads; i < columns;
         i += kConvThreads) {
      store(operand, p.operand_rows, sequence.first_row + j, i, 0.0f);
    }
  }
}

template <int kLanes>
__device__ inline void causal_conv(const CausalConvParams& p) {
  launch_next();
  const int lane = static_cast<int>(threadIdx.x) / kConvThreads;
  const Sequence sequence = p.step.sequences[blockIdx.y];
  wait_for_previous();
  fill_up(p, sequence, lane, kLanes);
  int source = static_cast<int>(blockIdx.x * kConvThreads + threadIdx.x % kConvThreads);
  if (source >= p.x.columns) {
    if constexpr (kLanes == 1) {
      return;
    }
    source = p.x.columns - 1;  // all have to meet; the same is written twice
  }
  switch (p.width) {
    case 1:
      convolve<1, kLanes>(p, sequence, source, lane);
      break;
    case 2:
      convolve<2, kLanes>(p, sequence, source, lane);
      break;
    case 3:
      convolve<3, kLanes>(p, sequence, source, lane);
      break;
    case 4:
      convolve<4, kLanes>(p, sequence, source, lane);
      break;
    default:
      convolve<kMaxWidth, kLanes>(p, sequence, source, lane);
  }
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kConvThreads)
    causal_conv(const __grid_constant__ krait::CausalConvParams p) {
  krait::causal_conv<1>(p);
}
KRAIT_PARAMS(causal_conv, krait::CausalConvParams);

extern "C" __global__ void __launch_bounds__(krait::kConvThreads* krait::kConvLanes)
    causal_conv_long(const __grid_constant__ krait::CausalConvParams p) {
  krait::causal_conv<krait::kConvLanes>(p);
}
KRAIT_PARAMS(causal_conv_long, krait::CausalConvParams);
KRAIT_CONSTANT(causal_conv_threads, krait::kConvThreads);
KRAIT_CONSTANT(causal_conv_lanes, krait::kConvLanes);
KRAIT_CONSTANT(causal_conv_most_width, krait::kMaxWidth);
