// mamba_layers  all layers of a stack of Mamba-1 blocks for up to 8 tokens of one sequence, in one
//   launch:  x += out(scan(conv(in(norm(x))))), see rms_norm.cu, causal_conv.cu, selective_scan.cu
//   and chain.cuh, whose bits it has.
// Shapes: x [tokens, width]; a layer's weights as MambaLayer says; 16 states, 4 taps.
// A block keeps channels of `in`, the convolution, the scan, and rows of the other products for all
// layers. Warps that copy bring its weights into a ring in shared memory, ahead of all others; what
// a layer's parts need of one another goes through exchange.cuh. All blocks have to be resident,
// one on a multiprocessor.
// bf16 operands, residual stream, norms, convolution, scan and states fp32; sm_90.
// Precision and determinism: those of the kernels named above.
#include "layer_scan.cuh"

namespace krait {

struct ConvInput {
  float4 taps;
  float bias;
  float before[kLayerTaps - 1];
};

// The computing warps of a block.
struct Layers : LayerScan {
  float own_residual[2] = {};  // of the warp's tile of `out`: token lane / 4, two rows

  __device__ void init() {
    begin_part();
    sequence = p.step.sequences[0];
    convolved = p.words;
    scanned = convolved + kLayerTokens / 2 * p.inner;
    selected = scanned + kLayerTokens / 2 * p.inner;
    residual = selected + kLayerTokens * p.select_rows;
    words = kLayerTokens * (p.inner + p.select_rows + width());
    copy = static_cast<int>(blockIdx.x) % kReplicas * words;
    number = p.number[blockIdx.x];
    if (warp < share.out_tiles && lane / 4 < p.tokens) {
      const float* from = p.x.row(lane / 4) + 8 * (share.out_tile + warp) + lane % 4 * 2;
      own_residual[0] = from[0];
      own_residual[1] = from[1];
    }
  }

  // Activations of the next product: the normed residual stream.
  __device__ void norm(const float* weight, bool first) {
    begin_part();
    constexpr int kHeld = kLayerWidth / kLayerThreads;
    constexpr int kVirtual = kLayerNormThreads / kLayerThreads;
    float weights[kHeld];
#pragma unroll
    for (int j = 0; j < kHeld; j++) {
      const int i = tid + j * kLayerThreads;
      weights[j] = i < width() ? weight[i] : 0.0f;
    }
#pragma unroll 1
    for (int t = 0; t < p.tokens; t++) {
      float held[kHeld] = {};
      if (first) {
#pragma unroll
        for (int j = 0; j < kHeld; j++) {
          const int i = tid + j * kLayerThreads;
          held[j] = i < width() ? p.x.row(t)[i] : 0.0f;
        }
      } else {
        constexpr int kSome = 4;
#pragma unroll
        for (int from = 0; from < kHeld; from += kSome) {
          if (from * kLayerThreads < width()) {
            receive_some<kSome, kLayerThreads>(
                residual + copy + t * width(), tid + from * kLayerThreads, width(), number,
                [&](int j, unsigned int value) { held[from + j] = __uint_as_float(value); });
          }
        }
      }
      // A thread has the places of four threads of rms_norm.cu.
      float squares[kVirtual] = {};
#pragma unroll
      for (int j = 0; j < kHeld; j++) {
        squares[j % kVirtual] = fmaf(held[j], held[j], squares[j % kVirtual]);
      }
      layer_sync();
#pragma unroll
      for (int v = 0; v < kVirtual; v++) {
        squares[v] = warp_sum(squares[v]);
        if (lane == 0) {
          memory.scratch[warp + v * kLayerWarps] = squares[v];
        }
      }
      layer_sync();
      const float sum = warp_sum(memory.scratch[lane]);
      const float scale = 1.0f / sqrtf(sum / static_cast<float>(width()) + p.epsilon);
      auto* to = reinterpret_cast<__nv_bfloat16*>(activations);
#pragma unroll
      for (int j = 0; j < kHeld; j++) {
        const int i = tid + j * kLayerThreads;
        if (i < width()) {
          to[2 * activation_word(i / 2, t, p.tokens) + i % 2] =
              __float2bfloat16_rn(held[j] * scale * weights[j]);
        }
      }
    }
    layer_sync();
  }

  // Activations of the next product: pairs from other blocks.
  __device__ void gather(const Word* from) {
    begin_part();
    const int pairs = p.inner / 2;
    receive<kLayerThreads>(tid, from + copy, p.tokens * pairs, number, [&](int i, unsigned int value) {
      activations[activation_word(i % pairs, i / pairs, p.tokens)] = value;
    });
    layer_sync();
  }

  // Gates and raw x of the block's channels.
  __device__ void project() {
    begin_part();
    constexpr int kTiles = kLayerChannels / 4 / kLayerWarps;
    const Turns turns(products.ring, width() / kChunkColumns, in_chunk_bytes(share.channels));
    LaneRow rows[kTiles];
    int tiles = 0;
#pragma unroll
    for (int n = 0; n < kTiles; n++) {
      const int tile = warp + n * kLayerWarps;
      const int local = 4 * tile + lane % 4;
      tiles += 4 * tile < share.channels ? 1 : 0;
      rows[n] = {local * kChunkBytes + (lane % 8 < 4 ? 0 : in_x_offset(share.channels)),
                 (share.channel + local) % 8};
    }
    float sums[kTiles][4] = {};
    products.multiply(turns, rows, tiles, 0, 1, sums);
    if (lane / 4 < p.tokens) {
#pragma unroll
      for (int n = 0; n < kTiles; n++) {
        if (n < tiles) {
          auto& to = lane % 4 < 2 ? memory.gate : memory.raw;
          const int local = 4 * (warp + n * kLayerWarps) + lane % 2 * 2;
          to[lane / 4][local] = sums[n][0];
          to[lane / 4][local + 1] = sums[n][1];
        }
      }
    }
    layer_sync();
  }

  __device__ float* conv_ring(const MambaLayer& layer, int position, int channel) const {
    return layer.ring +
           (static_cast<long long>(sequence.slot) * p.ring_tokens + position % p.ring_tokens) *
               p.inner +
           channel;
  }

  // What the convolution of the i-th pair of token and channel takes from memory.
  __device__ ConvInput conv_input(const MambaLayer& layer, int i) const {
    ConvInput in{};
    if (i < p.tokens * share.channels) {
      const int token = i / share.channels;
      const int channel = share.channel + i % share.channels;
      in.taps = reinterpret_cast<const float4*>(layer.taps)[channel];
      in.bias = layer.conv_bias[channel];
#pragma unroll
      for (int k = 0; k < kLayerTaps - 1; k++) {
        const int at = token - (kLayerTaps - 1 - k);
        const int position = sequence.first_position + at;
        in.before[k] = at < 0 && position >= 0 ? *conv_ring(layer, position, channel) : 0.0f;
      }
    }
    return in;
  }

  // `ahead` is the input of this thread's first pair.
  __device__ void convolve(const MambaLayer& layer, const ConvInput& ahead) {
    begin_part();
    const int all = p.tokens * share.channels;
    for (int i = tid; i - lane < all; i += kLayerThreads) {
      const ConvInput in = i < kLayerThreads ? ahead : conv_input(layer, i);
      const int token = min(i / share.channels, p.tokens - 1);
      const int local = i % share.channels;
      float raw[kLayerTaps];
#pragma unroll
      for (int k = 0; k < kLayerTaps; k++) {
        const int at = token - (kLayerTaps - 1 - k);
        raw[k] = at < 0 ? in.before[min(k, kLayerTaps - 2)] : memory.raw[at][local];
      }
      float sum = in.bias;
      sum = fmaf(in.taps.x, raw[0], sum);
      sum = fmaf(in.taps.y, raw[1], sum);
      sum = fmaf(in.taps.z, raw[2], sum);
      sum = fmaf(in.taps.w, raw[3], sum);
      const float v = silu(sum);
      const float other = __shfl_down_sync(0xffffffffu, v, 1);
      if (i < all) {
        memory.x[token][local] = v;
        if (local % 2 == 0) {
          publish(convolved + token * (p.inner / 2) + (share.channel + local) / 2, words,
                  pack_pair(v, other), number);
        }
      }
    }
    layer_sync();  // the ring's last reads come before its writes
    const int kept = min(p.tokens, p.ring_tokens);
    for (int i = tid; i < kept * share.channels; i += kLayerThreads) {
      const int token = p.tokens - kept + i / share.channels;
      const int local = i % share.channels;
      *conv_ring(layer, sequence.first_position + token, share.channel + local) =
          memory.raw[token][local];
    }
  }

  // Rows of step size, B and C.
  __device__ void select() {
    begin_part();
    const Turns turns(products.ring, p.inner / kChunkColumns, 8 * kChunkBytes);
    const LaneRow rows[1] = {{lane % 8 * kChunkBytes, lane % 8}};
    float sums[1][4] = {};
    products.multiply(turns, rows, warp < p.chains ? 1 : 0, warp, p.chains, sums);
    if (warp > 0 && warp < p.chains) {
      memory.chains[warp - 1][lane] = {sums[0][0], sums[0][1]};
    }
    layer_sync();
    if (warp > 0) {
      return;
    }
    for (int chain = 1; chain < p.chains; chain++) {
      sums[0][0] += memory.chains[chain - 1][lane].x;
      sums[0][1] += memory.chains[chain - 1][lane].y;
    }
    if (lane / 4 < p.tokens) {
      Word* to = selected + lane / 4 * p.select_rows + 8 * share.select_tile + lane % 4 * 2;
      publish(to, words, __float_as_uint(sums[0][0]), number);
      publish(to + 1, words, __float_as_uint(sums[0][1]), number);
    }
  }

  // Rows of the residual stream.
  __device__ void put_out(bool last) {
    begin_part();
    const Turns turns(products.ring, p.inner / kChunkColumns,
                      8 * share.out_tiles * kChunkBytes);
    const LaneRow rows[1] = {{(8 * warp + lane % 8) * kChunkBytes, lane % 8}};
    float sums[1][4] = {};
    products.multiply(turns, rows, warp < share.out_tiles ? 1 : 0, 0, 1, sums);
    if (warp >= share.out_tiles || lane / 4 >= p.tokens) {
      return;
    }
    const int row = 8 * (share.out_tile + warp) + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      own_residual[i] += sums[0][i];
      if (last) {
        p.x.row(lane / 4)[row + i] = own_residual[i];
      } else {
        publish(residual + lane / 4 * width() + row + i, words,
                __float_as_uint(own_residual[i]), number);
      }
    }
  }

  // Brings to L2 what the parts of a layer read one value at a time.
  __device__ void look_ahead(const MambaLayer& layer) const {
    const auto prefetch = [](const float* from) {
      asm volatile("prefetch.global.L2 [%0];" ::"l"(from));
    };
    if (tid * 32 < width()) {
      prefetch(layer.norm + tid * 32);
    }
    if (tid < share.channels) {
      const int channel = share.channel + tid;
      prefetch(layer.taps + channel * kLayerTaps);
      prefetch(layer.conv_bias + channel);
      prefetch(layer.time_bias + channel);
      prefetch(layer.d + channel);
      for (int k = 1; k < kLayerTaps; k++) {
        prefetch(conv_ring(layer, max(sequence.first_position - k, 0), channel));
      }
    }
    const float* state =
        layer.state + static_cast<long long>(sequence.slot) * kLayerStates * p.inner;
    const int first = lane / 8 * kQuarterStates * p.inner + scan_channel();
#pragma unroll
    for (int i = 0; i < kQuarterStates; i++) {
      prefetch(layer.a + first + i * p.inner);
      prefetch(state + first + i * p.inner);
    }
  }

  __device__ void run(int l) {
    begin_part();
    const MambaLayer& layer = p.layers[l];
    LayerState s;
    ConvInput ahead;
    if (share.channels > 0) {
      ahead = conv_input(layer, tid);
      s = load_state(layer);
      if (l + 1 < p.layer_count) {
        look_ahead(p.layers[l + 1]);
      }
      norm(layer.norm, l == 0);
    }
    number++;
    if (share.channels > 0) {
      project();
      convolve(layer, ahead);
    }
    if (share.select_tile >= 0) {
      gather(convolved);
      select();
    }
    if (share.channels > 0) {
      scan(layer, s);
    }
    if (share.out_tiles > 0) {
      gather(scanned);
      put_out(l + 1 == p.layer_count);
    }
  }
};

__device__ inline void mamba_layers(const MambaLayersParams& p) {
  extern __shared__ unsigned char dynamic[];
  __shared__ __align__(16) LayerMemory memory;
  const unsigned int base = (shared_address(dynamic) + 127u) & ~127u;
  const int activation_bytes = p.tokens * p.inner * 2;
  const LayerRing ring{base + activation_bytes, p.slot_bytes, p.slots};
  const LayerShare share(p);
  if (threadIdx.x == 0) {
    for (int i = 0; i < p.slots; i++) {
      barrier_init(ring.full(i), 1);
      barrier_init(ring.empty(i), kLayerWarps);
    }
    barrier_init_done();
  }
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  // Copies need few registers. What all take together must not exceed what the block was launched
  // with, 168 a thread, or warps wait for ever.
  static_assert(kCopyWarps * 40 + kLayerWarps * 232 <= (kCopyWarps + kLayerWarps) * 168);
  if (warp >= kLayerWarps) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    copy_layers(p, ring, share, warp - kLayerWarps);
    return;
  }
  asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
  wait_for_previous();
  auto* activations =
      reinterpret_cast<unsigned int*>(dynamic + (base - shared_address(dynamic)));
  Layers layers{{{p, share, memory, activations, {ring, base, p.tokens, {}}}}};
  layers.init();
#pragma unroll 1
  for (int l = 0; l < p.layer_count; l++) {
    layers.run(l);
  }
  launch_next();
  if (threadIdx.x == 0) {
    p.number[blockIdx.x] = layers.number;
  }
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kLayerAllThreads, 1)
    mamba_layers(const __grid_constant__ krait::MambaLayersParams p) {
  krait::mamba_layers(p);
}
KRAIT_PARAMS(mamba_layers, krait::MambaLayersParams);
KRAIT_CONSTANT(mamba_layers_threads, krait::kLayerAllThreads);
KRAIT_CONSTANT(mamba_layers_tokens, krait::kLayerTokens);
KRAIT_CONSTANT(mamba_layers_channels, krait::kLayerChannels);
KRAIT_CONSTANT(mamba_layers_tiles, krait::kLayerWarps);
KRAIT_CONSTANT(mamba_layers_rank, krait::kLayerRank);
KRAIT_CONSTANT(mamba_layers_width, krait::kLayerWidth);
KRAIT_CONSTANT(mamba_layers_states, krait::kLayerStates);
KRAIT_CONSTANT(mamba_layers_taps, krait::kLayerTaps);
KRAIT_CONSTANT(mamba_layers_static_bytes, sizeof(krait::LayerMemory));
KRAIT_CONSTANT(mamba_layers_replicas, krait::kReplicas);
KRAIT_CONSTANT(mamba_layers_chains, krait::kLayerChains);
