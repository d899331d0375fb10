// Checks and times mamba_layers_sm90.cu against the kernels that compute a layer in six
// launches: the residual stream, states, rings and windows of a sequence of steps, bit for bit; then
// the layers of a 130M and a 2.8B model in a graph, both ways.
//   nvcc -O3 -std=c++20 -gencode arch=compute_90a,code=sm_90a -I kernels-cuda/src/main/cuda/include
//   -cudart static -o layers benchmarks/lab/layers/layers.cu
//   ./layers check | time [layers of the large model]
#include "../chain/rig.cuh"
#include "../../../kernels-cuda/src/main/cuda/kernels/causal_conv.cu"
#include "mamba_layers_sm90.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/rms_norm.cu"
#include "../../../kernels-cuda/src/main/cuda/kernels/selective_scan.cu"

using krait::MambaLayer;
using krait::MambaLayersParams;
using krait::Rows;

struct Model {
  const char* name;
  int width;
  int rank;
  int layers;

  int inner() const { return 2 * width; }
  int select_rows() const { return rank + 32; }
  int select_room() const { return (rank + 32 + 7) / 8 * 8; }
};

// Of a block, beside what mamba_layers has of its own.
constexpr int kSharedBytes = 232448 - static_cast<int>(sizeof(krait::LayerMemory));

constexpr int kSlots = 2;
constexpr int kRingTokens = 16;
constexpr int kWindowTokens = 32;

__global__ void fill_floats(float* to, long long n, float scale, float middle,
                            unsigned long long seed) {
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    to[i] = middle + scale * noise((seed << 40) + i);
  }
}

__global__ void fill_a(float* to, int inner) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < 16 * inner; i += gridDim.x * blockDim.x) {
    to[i] = -1.0f - static_cast<float>(i / inner);
  }
}

static unsigned long long seed = 10;

static float* floats(long long n, float scale, float middle) {
  float* p = device<float>(n);
  fill_floats<<<512, 256, 0, stream>>>(p, n, scale, middle, seed++);
  return p;
}

static unsigned char* operand(int rows, int columns, float scale) {
  unsigned char* p = device<unsigned char>(static_cast<size_t>(padded(rows, 8)) *
                                           padded(columns, 256) * 2);
  fill<<<1024, 256, 0, stream>>>(p, rows, padded(rows, 8), columns, scale, seed++, 0, false);
  return p;
}

// What a sequence of steps changes.
struct Memory {
  std::vector<float*> ring, state, window;
  float* x;
  size_t ring_floats, state_floats, window_floats;

  explicit Memory(const Model& m)
      : ring_floats(static_cast<size_t>(kSlots) * kRingTokens * m.inner()),
        state_floats(static_cast<size_t>(kSlots) * 16 * m.inner()),
        window_floats(static_cast<size_t>(kSlots) * kWindowTokens * (2 * m.inner() + 16)) {
    x = device<float>(8 * m.width);
    const auto poisoned = [](size_t n) {
      float* p = device<float>(n);
      CHECK(cudaMemset(p, 0xff, n * 4));
      return p;
    };
    for (int l = 0; l < m.layers; l++) {
      ring.push_back(poisoned(ring_floats));
      state.push_back(poisoned(state_floats));
      window.push_back(poisoned(window_floats));
    }
  }
};

struct Rig {
  Model m;
  std::vector<MambaLayer> layers;
  Memory one;  // of the kernel that is checked
  Memory many;
  MambaLayer* table;
  krait::Word* words;
  unsigned int* number;
  krait::Sequence* sequence;
  // Of the kernels that are compared with.
  unsigned char *normed, *convolved_operand, *scanned;
  float *projection, *convolved, *selection, *time_step, *delta;

  explicit Rig(const Model& m) : m(m), one(m), many(m) {
    const int inner = m.inner();
    for (int l = 0; l < m.layers; l++) {
      MambaLayer layer{};
      layer.norm = floats(m.width, 0.1f, 1.0f);
      layer.in = operand(2 * inner, m.width, 0.05f);
      layer.taps = floats(4 * inner, 0.5f, 0.0f);
      layer.conv_bias = floats(inner, 0.1f, 0.0f);
      layer.select = operand(m.select_rows(), inner, 0.05f);
      layer.time = operand(inner, m.rank, 0.1f);
      layer.time_bias = floats(inner, 1.0f, -3.0f);
      float* a = device<float>(16 * inner);
      fill_a<<<64, 256, 0, stream>>>(a, inner);
      layer.a = a;
      layer.d = floats(inner, 0.5f, 1.0f);
      layer.out = operand(m.width, inner, 0.05f);
      layer.ring = one.ring[l];
      layer.state = one.state[l];
      layer.window = one.window[l];
      layers.push_back(layer);
    }
    table = uploaded(layers);
    const size_t count = krait::kReplicas * 8ull * (inner + m.select_room() + m.width);
    words = device<krait::Word>(count);
    CHECK(cudaMemset(words, 0, count * 8));
    number = device<unsigned int>(processors);
    CHECK(cudaMemset(number, 0, processors * sizeof(unsigned int)));
    sequence = device<krait::Sequence>(1);
    const auto bytes = [](int columns) {
      unsigned char* p = device<unsigned char>(8 * padded(columns, 256) * 2 + 128 * 128);
      CHECK(cudaMemset(p, 0xff, 8 * padded(columns, 256) * 2 + 128 * 128));
      return p;
    };
    normed = bytes(m.width);
    convolved_operand = bytes(inner);
    scanned = bytes(inner);
    projection = device<float>(8 * 2 * inner);
    convolved = device<float>(8 * inner);
    selection = device<float>(8 * m.select_rows());
    time_step = device<float>(8 * inner);
    delta = device<float>(8 * m.width);
  }

  krait::Step step() const { return {nullptr, sequence, nullptr, 1}; }

  template <typename P>
  void start(void (*kernel)(const P), const P& p, dim3 grid, int threads, int shared = 0) {
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    config.attrs = &attribute;
    config.numAttrs = 1;
    CHECK(cudaLaunchKernelEx(&config, kernel, p));
  }

  void product(const unsigned char* weight, int rows, int columns, const unsigned char* x,
               float* dst, int tokens) {
    const Shape s{"", rows, columns, false, 1};
    Launch l = choose(s, tokens);
    finish(l, s, tokens);
    launch(l, params(l, s, weight, x, dst, 2, tokens), true);
  }

  void run_many(int tokens) {
    const int inner = m.inner();
    for (int l = 0; l < m.layers; l++) {
      const MambaLayer& w = layers[l];
      krait::RmsNormParams norm{};
      norm.dst = {reinterpret_cast<float*>(normed), 0, m.width};
      norm.residual = {many.x, m.width, m.width};
      norm.delta = {l == 0 ? nullptr : delta, m.width, m.width};
      norm.weight = w.norm;
      norm.epsilon = 1e-5f;
      norm.operand_rows = 8;
      start(rms_norm, norm, dim3(tokens), 1024);
      product(w.in, 2 * inner, m.width, normed, projection, tokens);
      krait::CausalConvParams conv{};
      conv.dst = {convolved, inner, inner};
      conv.x = {projection + inner, 2 * inner, inner};
      conv.step = step();
      conv.taps = w.taps;
      conv.bias = w.conv_bias;
      conv.ring = many.ring[l];
      conv.ring_tokens = kRingTokens;
      conv.group_width = inner;
      conv.repeat = 1;
      conv.width = 4;
      conv.activation = krait::kSilu;
      conv.operand = convolved_operand;
      conv.operand_rows = 8;
      start(causal_conv, conv, dim3((inner + 63) / 64, 1), 64);
      product(w.select, m.select_rows(), inner, convolved_operand, selection, tokens);
      krait::SelectiveScanParams scan{};
      scan.dst = {reinterpret_cast<float*>(scanned), 0, inner};
      scan.x = {convolved, inner, inner};
      scan.time_step = {time_step, inner, inner};
      scan.b = {selection + m.rank, m.select_rows(), 16};
      scan.c = {selection + m.rank + 16, m.select_rows(), 16};
      scan.z = {projection, 2 * inner, inner};
      scan.step = step();
      scan.a = w.a;
      scan.d = w.d;
      scan.bias = w.time_bias;
      scan.state = many.state[l];
      scan.window = many.window[l];
      scan.inner = inner;
      scan.states = 16;
      scan.b_groups = 1;
      scan.c_groups = 1;
      scan.window_tokens = kWindowTokens;
      scan.operand_rows = 8;
      scan.low_rank = {selection, m.select_rows(), m.rank};
      scan.time_weight = w.time;
      scan.time_rows = inner;
      start(selective_scan_16_steps, scan, dim3(padded(inner, 256) / 32, 1), 128);
      product(w.out, m.width, inner, scanned, delta, tokens);
    }
  }

  void run_one(int tokens, int blocks) {
    const int inner = m.inner();
    MambaLayersParams p{};
    p.x = {one.x, m.width, m.width};
    p.step = step();
    p.layers = table;
    p.words = words;
    p.number = number;
    p.layer_count = m.layers;
    p.tokens = tokens;
    p.inner = inner;
    p.rank = m.rank;
    p.select_rows = m.select_room();
    p.chains = narrow(m.select_rows(), inner) ? 4 : 1;
    p.ring_tokens = kRingTokens;
    p.window_tokens = kWindowTokens;
    p.epsilon = 1e-5f;
    const int channels = 4 * ((inner / 4 + blocks - 1) / blocks);
    const int chunk = (2 * channels + 1) * 128;
    const int tiles = (m.width / 8 + m.select_room() / 8 + blocks - 1) / blocks;
    int slot = chunk * std::max(1, 20480 / chunk);
    slot = std::max({slot, channels * 128 * ((m.rank + 63) / 64), tiles * 1024});
    p.slot_bytes = slot;
    const int room = kSharedBytes - 256 - tokens * inner * 2;
    p.slots = std::min(64, room / (slot + 16));
    if (p.slots < 4 || channels > 64 || tiles > 8) {
      std::printf("FAIL %d slots, %d channels, %d tiles\n", p.slots, channels, tiles);
      std::exit(4);
    }
    CHECK(cudaFuncSetAttribute(mamba_layers, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               kSharedBytes));
    start(mamba_layers, p, dim3(blocks), krait::kLayerAllThreads,
          128 + tokens * inner * 2 + p.slots * (slot + 16));
  }

  void set(const krait::Sequence& s) {
    CHECK(cudaMemcpyAsync(sequence, &s, sizeof(s), cudaMemcpyHostToDevice, stream));
    CHECK(cudaStreamSynchronize(stream));
  }
};

__global__ void add_rows(float* x, const float* delta, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    x[i] += delta[i];
  }
}

__global__ void unlike(const unsigned* a, const unsigned* b, long long n, unsigned* count) {
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < n;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    if (a[i] != b[i]) {
      atomicAdd(count, 1u);
    }
  }
}

static unsigned differing(const float* a, const float* b, size_t n) {
  static unsigned* count = device<unsigned>(1);
  CHECK(cudaMemsetAsync(count, 0, 4, stream));
  unlike<<<256, 256, 0, stream>>>(reinterpret_cast<const unsigned*>(a),
                                  reinterpret_cast<const unsigned*>(b),
                                  static_cast<long long>(n), count);
  unsigned d;
  CHECK(cudaMemcpyAsync(&d, count, 4, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamSynchronize(stream));
  return d;
}

struct TestStep {
  int tokens, direct, fold, held;
};

static int check(const Model& m, int blocks) {
  Rig rig(m);
  const std::vector<TestStep> steps = {{5, 5, 0, 0}, {1, 1, 0, 0}, {1, 0, 0, 0}, {1, 0, 0, 1},
                                       {2, 0, 0, 2}, {4, 0, 3, 0}, {8, 0, 2, 0}, {1, 1, 6, 0},
                                       {3, 1, 0, 0}, {8, 8, 1, 0}, {7, 2, 0, 0}, {6, 0, 5, 0},
                                       {1, 0, 1, 2}, {1, 1, 0, 0}};
  int committed = 0;
  int failures = 0;
  for (size_t i = 0; i < steps.size(); i++) {
    const TestStep& t = steps[i];
    const int first = committed + t.fold + t.held;
    rig.set({0, t.tokens, first, t.direct, t.fold, t.held, 1, 0});
    fill_floats<<<64, 256, 0, stream>>>(rig.one.x, 8ll * m.width, 1.0f, 0.0f, 500 + i);
    fill_floats<<<64, 256, 0, stream>>>(rig.many.x, 8ll * m.width, 1.0f, 0.0f, 500 + i);
    rig.run_many(t.tokens);
    const int n = t.tokens * m.width;
    // The last layer's rows are added by the caller.
    add_rows<<<(n + 255) / 256, 256, 0, stream>>>(rig.many.x, rig.delta, n);
    CHECK(cudaStreamSynchronize(stream));
    rig.run_one(t.tokens, blocks);
    CHECK(cudaStreamSynchronize(stream));
    const unsigned x = differing(rig.one.x, rig.many.x, n);
    unsigned ring = 0, state = 0, window = 0;
    for (int l = 0; l < m.layers; l++) {
      ring += differing(rig.one.ring[l], rig.many.ring[l], rig.one.ring_floats);
      state += differing(rig.one.state[l], rig.many.state[l], rig.one.state_floats);
      window += differing(rig.one.window[l], rig.many.window[l], rig.one.window_floats);
    }
    std::vector<float> values(n);
    CHECK(cudaMemcpy(values.data(), rig.one.x, n * 4, cudaMemcpyDeviceToHost));
    float most = 0;
    bool finite = true;
    for (const float v : values) {
      most = std::max(most, std::fabs(v));
      finite = finite && std::isfinite(v);
    }
    const bool good = x + ring + state + window == 0 && finite;
    failures += good ? 0 : 1;
    std::printf("%s %s blocks %d step %zu tokens %d direct %d fold %d held %d: %u %u %u %u, most %.2f\n",
                good ? "ok  " : "FAIL", m.name, blocks, i, t.tokens, t.direct, t.fold, t.held, x,
                ring, state, window, most);
    std::fflush(stdout);
    committed += t.fold + t.direct;
  }
  return failures;
}

static void time(const Model& m) {
  Rig rig(m);
  const double bytes =
      static_cast<double>(m.layers) *
      (2.0 * m.inner() * m.width + 1.0 * m.select_rows() * m.inner() +
       1.0 * m.inner() * padded(m.rank, 64) + 1.0 * m.inner() * m.width) *
      2;
  for (const TestStep& t :
       std::vector<TestStep>{{1, 1, 0, 0}, {1, 0, 3, 2}, {2, 0, 3, 0}, {4, 0, 3, 0}, {8, 0, 3, 0}}) {
    rig.set({0, t.tokens, 20, t.direct, t.fold, t.held, 1, 0});
    for (int l = 0; l < m.layers; l++) {
      for (Memory* memory : {&rig.one, &rig.many}) {
        CHECK(cudaMemset(memory->state[l], 0, rig.one.state_floats * 4));
        CHECK(cudaMemset(memory->ring[l], 0, rig.one.ring_floats * 4));
        CHECK(cudaMemset(memory->window[l], 0, rig.one.window_floats * 4));
      }
    }
    CHECK(cudaMemset(rig.one.x, 0, 8 * m.width * 4));
    CHECK(cudaMemset(rig.many.x, 0, 8 * m.width * 4));
    constexpr int kTimes = 3;
    const double one = time_graph([&] {
      for (int i = 0; i < kTimes; i++) {
        rig.run_one(t.tokens, processors);
      }
    }, 15, 3) / kTimes;
    const double many = time_graph([&] {
      for (int i = 0; i < kTimes; i++) {
        rig.run_many(t.tokens);
      }
    }, 15, 3) / kTimes;
    std::printf("%s tokens %d direct %d fold %d held %d: one launch %.0f us (%.2f a layer, %.2f TB/s), six %.0f us\n",
                m.name, t.tokens, t.direct, t.fold, t.held, one, one / m.layers, bytes / one * 1e-6,
                many);
    std::fflush(stdout);
  }
}

int main(int argc, char** argv) {
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
  const std::string what = argc > 1 ? argv[1] : "check";
  if (what == "check") {
    int failures = check({"small", 256, 16, 3}, processors);
    failures += check({"small", 256, 16, 1}, 20);
    failures += check({"odd", 64, 5, 3}, processors);
    failures += check({"130M", 768, 48, 4}, processors);
    failures += check({"2.8B", 2560, 160, 3}, processors);
    std::printf("failures: %d\n", failures);
    return failures != 0;
  }
  time({"130M", 768, 48, 24});
  time({"2.8B", 2560, 160, 64});
  return 0;
}
