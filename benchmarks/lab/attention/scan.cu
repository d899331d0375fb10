// Checks and times kernels/ssd_scan.cu on its own: one run over all tokens against sums in double
// precision and, bit for bit, against runs of one and of a few tokens; then prompts and decode.
//   nvcc -O3 -std=c++20 -gencode arch=compute_90a,code=sm_90a -I kernels-cuda/src/main/cuda/include
//   -cudart static -o scan benchmarks/lab/attention/scan.cu
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "../lab.cuh"
#include "step.cuh"
#undef KRAIT_CONSTANT
#define KRAIT_CONSTANT(name, value) static_assert((value) > 0)

#ifdef KRAIT_SSD_BEFORE
#undef KRAIT_PARAMS
#define KRAIT_PARAMS(kernel, type) static_assert(sizeof(type) > 0)
#include KRAIT_SSD_BEFORE
#else
#include "../../../kernels-cuda/src/main/cuda/kernels/ssd_scan.cu"
#endif

struct Mixer {
  int heads, head_dim, states, groups;
};

struct Rig {
  Mixer m;
  int tokens, inner, columns;
  std::vector<float> xbc, steps, a, d, bias;
  krait::SsdScanParams p{};
  float *d_xbc, *d_steps, *d_dst, *d_state;
  size_t state_elements;

  Rig(Mixer mixer, int n, int sequences) : m(mixer), tokens(n) {
    inner = m.heads * m.head_dim;
    columns = inner + 2 * m.groups * m.states;
    std::mt19937 random(3);
    std::uniform_real_distribution<float> unit(-1, 1);
    const auto fill = [&](std::vector<float>& v, size_t size) {
      v.resize(size);
      for (float& x : v) {
        x = unit(random);
      }
    };
    fill(xbc, static_cast<size_t>(tokens) * columns);
    fill(steps, static_cast<size_t>(tokens) * m.heads);
    fill(a, m.heads);
    fill(d, m.heads);
    fill(bias, m.heads);
    for (float& v : a) {
      v = -std::fabs(v) - 0.01f;
    }
    d_xbc = uploaded(xbc);
    d_steps = uploaded(steps);
    d_dst = uploaded(std::vector<float>(static_cast<size_t>(tokens) * inner, NAN));
    state_elements = static_cast<size_t>(sequences) * inner * m.states;
    d_state = uploaded(std::vector<float>(state_elements, 0.0f));
    p.a = uploaded(a);
    p.d = uploaded(d);
    p.bias = uploaded(bias);
    p.state = d_state;
    p.window = d_state;
    p.heads = m.heads;
    p.head_dim = m.head_dim;
    p.states = m.states;
    p.x_heads = m.heads;
    p.b_groups = m.groups;
    p.c_groups = m.groups;
    p.window_tokens = 1;
  }

  // Tokens [first, first + count) of sequence 0, or one of each of many.
  void run(int first, int count, int sequences) {
    std::vector<krait::Sequence> all;
    for (int s = 0; s < sequences; s++) {
      krait::Sequence q{};
      q.first_row = s * count;
      q.tokens = count;
      q.first_position = first;
      q.direct = count;
      q.slot = s;
      all.push_back(q);
    }
    static krait::Sequence* d_all = nullptr;
    if (d_all == nullptr) {
      CHECK(cudaMalloc(reinterpret_cast<void**>(&d_all), 1024 * sizeof(krait::Sequence)));
    }
    CHECK(cudaMemcpy(d_all, all.data(), all.size() * sizeof(all[0]), cudaMemcpyHostToDevice));
    p.step.sequences = d_all;
    p.dst = {d_dst + static_cast<size_t>(first) * inner, inner, inner};
    p.xbc = {d_xbc + static_cast<size_t>(first) * columns, columns, columns};
    p.time_step = {d_steps + static_cast<size_t>(first) * m.heads, m.heads, m.heads};
    launch(sequences, count * sequences);
  }
  void launch(int sequences, int all_tokens) {
#ifdef KRAIT_SSD_BEFORE
    (void)all_tokens;
    ssd_scan_128<<<dim3(m.heads, sequences), 4 * m.head_dim>>>(p);
#else
    const int most = all_tokens > sequences ? 32 : 64;
    const int parts = (m.head_dim + most - 1) / most;
    const int elements = (m.head_dim + parts - 1) / parts;
    void (*kernel)(const krait::SsdScanParams) = m.states <= 64    ? ssd_scan_64
                                                 : m.states <= 128 ? ssd_scan_128
                                                                   : ssd_scan_256;
    kernel<<<dim3(m.heads, sequences, parts), 4 * elements>>>(p);
#endif
    CHECK(cudaGetLastError());
  }
  std::vector<float> result(const float* from, size_t n) {
    std::vector<float> v(n);
    CHECK(cudaMemcpy(v.data(), from, n * 4, cudaMemcpyDeviceToHost));
    return v;
  }
};

static double timed(Rig& rig, int sequences, int tokens) {
  rig.run(0, tokens, sequences);
  cudaEvent_t from, to;
  CHECK(cudaEventCreate(&from));
  CHECK(cudaEventCreate(&to));
  CHECK(cudaEventRecord(from));
  for (int i = 0; i < 10; i++) {
    rig.launch(sequences, tokens * sequences);
  }
  CHECK(cudaEventRecord(to));
  CHECK(cudaEventSynchronize(to));
  float ms;
  CHECK(cudaEventElapsedTime(&ms, from, to));
  return ms * 100;
}

int main() {
  int failures = 0;
#ifndef KRAIT_SSD_BEFORE
  for (Mixer m :
       {Mixer{8, 64, 128, 1}, Mixer{4, 48, 100, 2}, Mixer{4, 80, 64, 4}, Mixer{2, 128, 256, 1}}) {
    const int n = 300;
    Rig rig(m, n, 1);
    rig.run(0, n, 1);
    const size_t outputs = static_cast<size_t>(n) * rig.inner;
    const std::vector<float> want = rig.result(rig.d_dst, outputs);
    const std::vector<float> state = rig.result(rig.d_state, rig.state_elements);
    double worst = 0;
    for (int h = 0; h < m.heads; h++) {
      std::vector<double> s(static_cast<size_t>(m.states) * m.head_dim, 0.0);
      const int group = h / (m.heads / m.groups);
      for (int t = 0; t < n; t++) {
        const float* row = &rig.xbc[static_cast<size_t>(t) * rig.columns];
        const double v = static_cast<double>(rig.steps[t * m.heads + h]) + rig.bias[h];
        const double dt = std::log1p(std::exp(v));
        const double decay = std::exp(dt * rig.a[h]);
        for (int e = 0; e < m.head_dim; e++) {
          const double x = row[h * m.head_dim + e];
          double sum = rig.d[h] * x;
          for (int k = 0; k < m.states; k++) {
            double& cell = s[static_cast<size_t>(k) * m.head_dim + e];
            cell = decay * cell + dt * x * row[rig.inner + group * m.states + k];
            sum += cell * row[rig.inner + (m.groups + group) * m.states + k];
          }
          const double got = want[static_cast<size_t>(t) * rig.inner + h * m.head_dim + e];
          worst = std::max(worst, std::isnan(got) ? 1e30 : std::fabs(got - sum));
        }
      }
    }
    long long differ = 0;
    for (int every : {1, 3, 9, 100}) {
      CHECK(cudaMemset(rig.d_dst, 0xff, outputs * 4));
      for (int t = 0; t < n; t += every) {
        rig.run(t, std::min(every, n - t), 1);
      }
      const std::vector<float> got = rig.result(rig.d_dst, outputs);
      const std::vector<float> left = rig.result(rig.d_state, rig.state_elements);
      for (size_t i = 0; i < outputs; i++) {
        differ += std::memcmp(&got[i], &want[i], 4) != 0;
      }
      for (size_t i = 0; i < left.size(); i++) {
        differ += std::memcmp(&left[i], &state[i], 4) != 0;
      }
    }
    const bool bad = differ > 0 || !(worst < 1e-2);
    failures += bad;
    std::printf("%s ssd %d heads of %d, %d states: error %.1e, %lld differ\n", bad ? "FAIL" : "ok",
                m.heads, m.head_dim, m.states, worst, differ);
  }
#endif
  for (Mixer m : {Mixer{64, 64, 128, 1}, Mixer{128, 64, 128, 8}}) {
    Rig rig(m, 2048, 256);
    std::printf(
        "ssd %3d heads of 64, 128 states: 2048 tokens %.1f us, 256 x 1 %.1f us, 1 x 1 %.1f "
        "us, 16 x 4 %.1f us\n",
        m.heads, timed(rig, 1, 2048), timed(rig, 256, 1), timed(rig, 1, 1), timed(rig, 16, 4));
  }
  return failures;
}
