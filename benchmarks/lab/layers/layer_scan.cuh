// The scan of kernels/mamba_layers_sm90.cu, with the bits of kernels/selective_scan.cu.
#pragma once

#include "layer_products.cuh"

namespace krait {

// One token's inputs of the scan in a lane.
struct LayerInput {
  float x;
  float dt;
  float b[kQuarterStates];
};

// A lane's part of one layer's convolution and scan; what memory holds is read ahead.
struct LayerState {
  float h[kQuarterStates];
  float a[kQuarterStates];
  float d;
  float bias;

  __device__ void advance(const LayerInput& in) {
    const float scaled = in.dt * in.x;
#pragma unroll
    for (int i = 0; i < kQuarterStates; i++) {
      h[i] = fmaf(expf(in.dt * a[i]), h[i], scaled * in.b[i]);
    }
  }
};

// What the computing warps of a block know.
struct LayerBlock {
  const MambaLayersParams& p;
  const LayerShare& share;
  LayerMemory& memory;
  unsigned int* activations;
  LayerProducts products;
  Sequence sequence;
  unsigned int number;
  int tid;
  int warp;
  int lane;
  // Words of each exchange, all of them, and where this block reads.
  Word* convolved;
  Word* selected;
  Word* scanned;
  Word* residual;
  int words;
  int copy;

  __device__ int width() const { return p.x.columns; }

  // At the start of every part of a layer.
  __device__ void begin_part() {
    tid = own_thread();
    warp = tid / 32;
    lane = tid % 32;
  }
};

// The scan of a block's channels: four lanes have one, each a quarter of its states.
struct LayerScan : LayerBlock {
  __device__ int scan_local() const { return warp * 8 + lane % 8; }
  __device__ int scan_channel() const {
    return share.channel + min(scan_local(), share.channels - 1);
  }

  __device__ LayerState load_state(const MambaLayer& layer) const {
    LayerState s;
    const int channel = scan_channel();
    const int first = lane / 8 * kQuarterStates;
    const float* state =
        layer.state + static_cast<long long>(sequence.slot) * kLayerStates * p.inner;
#pragma unroll
    for (int i = 0; i < kQuarterStates; i++) {
      s.a[i] = layer.a[(first + i) * p.inner + channel];
      s.h[i] = sequence.starts_fresh() ? 0.0f : state[(first + i) * p.inner + channel];
    }
    s.d = layer.d[channel];
    s.bias = layer.time_bias[channel];
    return s;
  }

  __device__ float* window_row(const MambaLayer& layer, int position) const {
    return layer.window + (static_cast<long long>(sequence.slot) * p.window_tokens +
                           position % p.window_tokens) *
                              (2 * p.inner + kLayerStates);
  }

  __device__ void replay(const MambaLayer& layer, LayerState& s, int from, int tokens) const {
    constexpr int kAhead = 4;
    const int channel = scan_channel();
#pragma unroll 1
    for (int j = 0; j < tokens; j += kAhead) {
      LayerInput in[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; i++) {
        const float* row = window_row(layer, from + min(j + i, tokens - 1));
        in[i].x = row[channel];
        in[i].dt = row[p.inner + channel];
#pragma unroll
        for (int n = 0; n < kQuarterStates; n++) {
          in[i].b[n] = row[2 * p.inner + lane / 8 * kQuarterStates + n];
        }
      }
#pragma unroll
      for (int i = 0; i < kAhead; i++) {
        if (j + i < tokens) {
          s.advance(in[i]);
        }
      }
    }
  }

  __device__ void commit(const MambaLayer& layer, const LayerState& s) const {
    if (!sequence.writes_state() || scan_local() >= share.channels) {
      return;
    }
    float* to = layer.state + (static_cast<long long>(sequence.slot) * kLayerStates +
                               lane / 8 * kQuarterStates) *
                                  p.inner +
                scan_channel();
#pragma unroll
    for (int i = 0; i < kQuarterStates; i++) {
      to[i * p.inner] = s.h[i];
    }
  }

  // Step sizes of the warp's channels, before bias and softplus.
  __device__ void time_steps() {
    begin_part();
    barrier_wait(products.ring.full(products.at.slot), products.at.parity);
    if (8 * warp < share.channels) {
      const int local = min(warp * 8 + lane / 4, share.channels - 1);
      const unsigned int row =
          products.ring.slot(products.at.slot) + local * kChunkBytes + lane % 4 * 4;
      const int key = (share.channel + local) % 8;
      const bool own_token = lane / 4 < p.tokens;
      const unsigned int* x = memory.low_rank[own_token ? lane / 4 : 0] + lane % 4;
      float sums[4] = {};
      for (int k = 0; k < (p.rank + 15) / 16; k++) {
        const unsigned int a[4] = {own_token ? x[k * 8] : 0u, 0u, own_token ? x[k * 8 + 4] : 0u,
                                   0u};
        const unsigned int chunk = row + k / 4 * share.channels * kChunkBytes;
        unsigned int b[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
          asm volatile("ld.shared.b32 %0, [%1];"
                       : "=r"(b[half])
                       : "r"(chunk + ((k % 4 * 2 + half) ^ key) * 16)
                       : "memory");
        }
        multiply_add(sums, a, b[0], b[1]);
      }
      if (own_token) {
        memory.time_step[lane / 4][warp * 8 + lane % 4 * 2] = sums[0];
        memory.time_step[lane / 4][warp * 8 + lane % 4 * 2 + 1] = sums[1];
      }
    }
    products.release();
  }

  // Low-rank step sizes, B and C of all tokens into shared memory.
  __device__ void receive_selected() {
    begin_part();
    const int rows = p.select_rows;
    receive<kLayerThreads>(tid, selected + copy, p.tokens * rows, number, [&](int i, unsigned int value) {
      const int token = i / rows;
      const int row = i % rows;
      if (row < p.rank) {
        reinterpret_cast<__nv_bfloat16*>(memory.low_rank[token])[row] =
            __float2bfloat16_rn(__uint_as_float(value));
      } else if (row < p.rank + 2 * kLayerStates) {
        memory.selected[token][row - p.rank] = __uint_as_float(value);
      }
    });
    // Columns up to a whole step of the chain.
    const int spare = (p.rank + 15) / 16 * 16 - p.rank;
    for (int i = tid; i < p.tokens * spare; i += kLayerThreads) {
      reinterpret_cast<__nv_bfloat16*>(memory.low_rank[i / spare])[p.rank + i % spare] =
          __float2bfloat16_rn(0.0f);
    }
    layer_sync();
  }

  __device__ void scan_tokens(const MambaLayer& layer, LayerState& s, int direct) {
    begin_part();
    const int quarter = lane / 8;
    const int local = scan_local();
    const bool valid = local < share.channels;
#pragma unroll 1
    for (int t = 0; t < p.tokens; t++) {
      const bool windowed = t >= direct;
      if (t == direct && t > 0) {
        commit(layer, s);  // no token is held where there are direct ones
      }
      const float* selection = memory.selected[t];
      LayerInput in;
      in.x = memory.x[t][local];
      in.dt = softplus(memory.time_step[t][local] + s.bias);
#pragma unroll
      for (int i = 0; i < kQuarterStates; i++) {
        in.b[i] = selection[quarter * kQuarterStates + i];
      }
      if (windowed) {
        float* to = window_row(layer, sequence.first_position + t);
        if (valid && quarter == 0) {
          to[share.channel + local] = in.x;
          to[p.inner + share.channel + local] = in.dt;
        }
        if (share.channel == 0 && tid < kLayerStates) {
          to[2 * p.inner + tid] = selection[tid];
        }
      }
      s.advance(in);
      float sum = quarter == 0 ? s.d * in.x : 0.0f;
#pragma unroll
      for (int i = 0; i < kQuarterStates; i++) {
        sum = fmaf(selection[kLayerStates + quarter * kQuarterStates + i], s.h[i], sum);
      }
      sum += __shfl_xor_sync(0xffffffffu, sum, 8);
      sum += __shfl_xor_sync(0xffffffffu, sum, 16);
      const float v = sum * silu(memory.gate[t][local]);
      const float other = __shfl_down_sync(0xffffffffu, v, 1);
      if (valid && quarter == 0 && local % 2 == 0) {
        publish(scanned + t * (p.inner / 2) + (share.channel + local) / 2, words,
                pack_pair(v, other), number);
      }
    }
    if (direct == p.tokens) {
      commit(layer, s);
    }
  }

  __device__ void scan(const MambaLayer& layer, LayerState& s) {
    const int direct = min(sequence.direct, p.tokens);
    // What the window holds does not wait for the selection.
    replay(layer, s, sequence.fold_from(), sequence.fold);
    if (direct == 0) {
      commit(layer, s);
      replay(layer, s, sequence.first_position - sequence.held, sequence.held);
    }
    receive_selected();
    time_steps();
    scan_tokens(layer, s, direct);
  }
};

}  // namespace krait
