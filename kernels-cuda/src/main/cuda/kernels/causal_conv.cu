// dst[t, c] = f(bias[c] + sum_k taps[c, k] x[position - width + 1 + k, source(c)]), k ascending,
// where f is an activation and
//   source(c) = (c / group_width / repeat) group_width + c % group_width;
// raw inputs before the step come from the ring, zeros before position 0, and the step's last ones
// go to the ring.
// Shapes: dst [tokens, channels], x [tokens, sources], taps [channels, width], ring [slots,
//   ring_tokens, sources] at row position % ring_tokens.
// A thread takes one source of one sequence through all its tokens, for all channels that it feeds.
// fp32; width 1 to 8.
// Precision: fp32 fused multiply-adds. Determinism: one chain.
#include "math.cuh"
#include "step.cuh"

namespace krait {

constexpr int kConvThreads = 64;
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
template <int kWidth>
__device__ inline void convolve(const CausalConvParams& p, const Sequence& sequence, int source) {
  const int sources = p.x.columns;
  float* ring = p.ring + static_cast<long long>(sequence.slot) * p.ring_tokens * sources + source;
  float history[kWidth];
#pragma unroll
  for (int k = 0; k + 1 < kWidth; k++) {
    const int back = kWidth - 1 - k;
    const int position = sequence.first_position - back;
    const bool known = position >= 0 && back < p.width;
    history[k + 1] =
        known ? ring[static_cast<long long>(position % p.ring_tokens) * sources] : 0.0f;
  }
  const int group = source / p.group_width;
  const int first = group * p.repeat * p.group_width + source % p.group_width;
  for (int j = 0; j < sequence.tokens; j++) {
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
      p.dst.row(row)[channel] = activate(p.activation, sum);
    }
  }
  const int kept = min(sequence.tokens, p.ring_tokens);
  for (int j = sequence.tokens - kept; j < sequence.tokens; j++) {
    const int position = sequence.first_position + j;
    ring[static_cast<long long>(position % p.ring_tokens) * sources] =
        p.x.row(sequence.first_row + j)[source];
  }
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kConvThreads)
    causal_conv(const __grid_constant__ krait::CausalConvParams p) {
  krait::begin();
  const int source = static_cast<int>(blockIdx.x * krait::kConvThreads + threadIdx.x);
  const krait::Sequence sequence = p.step.sequences[blockIdx.y];
  if (source >= p.x.columns) {
    return;
  }
  switch (p.width) {
    case 1:
      krait::convolve<1>(p, sequence, source);
      break;
    case 2:
      krait::convolve<2>(p, sequence, source);
      break;
    case 3:
      krait::convolve<3>(p, sequence, source);
      break;
    case 4:
      krait::convolve<4>(p, sequence, source);
      break;
    default:
      krait::convolve<krait::kMaxWidth>(p, sequence, source);
  }
}
KRAIT_PARAMS(causal_conv, krait::CausalConvParams);
