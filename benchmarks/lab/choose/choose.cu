// Checks and times kernels/choose_tokens.cu on its own: every token against a plain host program on
// random logits of 128,256 ids, every row alone against the row in a batch.
//   nvcc -O3 -std=c++20 -gencode arch=compute_90a,code=sm_90a -I kernels-cuda/src/main/cuda/include
//   -cudart static -o choose benchmarks/lab/choose/choose.cu
//   ./choose [rows for each mix, 32; up to 4 are checked and not timed]
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "../lab.cuh"
#include "step.cuh"
#undef KRAIT_CONSTANT
#define KRAIT_CONSTANT(name, value) static_assert((value) > 0)

#include "../../../kernels-cuda/src/main/cuda/kernels/choose_tokens.cu"

using krait::ChooseParams;
using krait::Chosen;
using krait::Sampling;

constexpr int kVocab = 128256;
constexpr int kStride = kVocab + 8;

// dev.krait.sampling.PhiloxRandom.
static double host_uniform(const Sampling& how) {
  unsigned int c[4] = {how.position, 0, 0, 0};
  unsigned int key0 = how.seed_low, key1 = how.seed_high;
  for (int round = 0; round < 10; round++) {
    const unsigned long long p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
    const unsigned int next0 = static_cast<unsigned int>(p1 >> 32) ^ c[1] ^ key0;
    const unsigned int next2 = static_cast<unsigned int>(p0 >> 32) ^ c[3] ^ key1;
    c[1] = static_cast<unsigned int>(p1);
    c[3] = static_cast<unsigned int>(p0);
    c[0] = next0;
    c[2] = next2;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  const unsigned long long bits = (static_cast<unsigned long long>(c[0]) << 32) | c[1];
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

// dev.krait.sampling.Sampler and Distribution.draw, with a sort in place of a heap.
static int host_choose(const float* logits, const Sampling& how) {
  int best = -1;
  float most = -INFINITY;
  for (int i = 0; i < kVocab; i++) {
    if (logits[i] > most) {
      most = logits[i];
      best = i;
    }
  }
  if (best < 0 || std::isinf(most)) return -1;
  if (how.temperature == 0) return best;
  const double scale = 1.0 / static_cast<double>(how.temperature);
  auto weight = [&](int i) {
    return std::exp((static_cast<double>(logits[i]) - static_cast<double>(most)) * scale);
  };
  std::vector<int> kept;
  for (int i = 0; i < kVocab; i++) {
    if (logits[i] > -INFINITY) kept.push_back(i);
  }
  const int top_k = how.top_k == 0 ? kVocab : std::min(how.top_k, kVocab);
  if (top_k < kVocab || how.top_p < 1) {
    std::sort(kept.begin(), kept.end(), [&](int a, int b) {
      return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
    });
    if (static_cast<int>(kept.size()) > top_k) kept.resize(top_k);
    if (how.top_p < 1) {
      double all = 0;
      for (int i : kept) all += weight(i);
      const double needed = static_cast<double>(how.top_p) * all;
      double sum = 0;
      size_t count = 0;
      while (count < kept.size() && sum < needed) sum += weight(kept[count++]);
      kept.resize(count);
    }
    std::sort(kept.begin(), kept.end());
  }
  std::vector<double> weights;
  double total = 0;
  for (int i : kept) {
    const double w = weight(i);
    weights.push_back(w > 0 && w >= static_cast<double>(how.min_p) ? w : 0);
    total += weights.back();
  }
  const double number = host_uniform(how);
  double sum = 0;
  int token = -1;
  for (size_t j = 0; j < kept.size(); j++) {
    if (weights[j] == 0) continue;
    token = kept[j];
    sum += weights[j] / total;
    if (number < sum) break;
  }
  return token;
}

struct Mix {
  const char* name;
  float temperature;
  int top_k;
  float top_p;
  float min_p;
};

static const Mix kMixes[] = {
    {"greedy", 0, 0, 1, 0},
    {"temperature 1", 1, 0, 1, 0},
    {"temperature 0.7", 0.7f, 0, 1, 0},
    {"top-p 0.9", 0.7f, 0, 0.9f, 0},
    {"top-p 0.3", 1.5f, 0, 0.3f, 0},
    {"top-k 1", 1, 1, 1, 0},
    {"top-k 7", 1, 7, 1, 0},
    {"top-k 50, top-p 0.95", 0.8f, 50, 0.95f, 0},
    {"top-k 100000, top-p 0.999", 2, 100000, 0.999f, 0},
    {"min-p 0.1", 1, 0, 1, 0.1f},
    {"all", 0.9f, 20, 0.9f, 0.05f},
    {"cold", 0.01f, 0, 0.99f, 0},
    {"hot", 100, 0, 0.5f, 0},
};

// Logits as models give them, nearly equal ones, and many equal ones; some rows are damaged.
static void fill(float* logits, int row, std::mt19937& random) {
  std::normal_distribution<float> normal;
  const int kind = row % 4;
  for (int i = 0; i < kStride; i++) {
    const float v = normal(random);
    logits[i] = i >= kVocab ? 100
                : kind == 0 ? 2.5f * v
                : kind == 1 ? 0.02f * v
                : kind == 2 ? std::round(3 * v)
                            : 6 * v;
  }
  if (row % 16 == 5) {
    for (int i = 0; i < kVocab; i += 3) logits[i] = -INFINITY;
  }
  if (row % 16 == 9) {
    for (int i = 1; i < kVocab; i += 1000) logits[i] = NAN;
  }
  if (row % 16 == 11) {
    for (int i = 0; i < kVocab; i++) logits[i] = row % 32 == 11 ? -INFINITY : NAN;
  }
  if (row % 16 == 13) logits[77] = INFINITY;
  if (row % 16 == 15) logits[row] = 60;
}

static float microseconds(const ChooseParams& params, int rows, bool wanted) {
  if (!wanted) return 0;
  cudaEvent_t from, to;
  CHECK(cudaEventCreate(&from));
  CHECK(cudaEventCreate(&to));
  std::vector<float> times;
  for (int i = 0; i < 12; i++) {
    CHECK(cudaEventRecord(from));
    for (int j = 0; j < 5; j++) choose_tokens<<<rows, krait::kChooseThreads>>>(params);
    CHECK(cudaEventRecord(to));
    CHECK(cudaEventSynchronize(to));
    float ms = 0;
    CHECK(cudaEventElapsedTime(&ms, from, to));
    times.push_back(200 * ms);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

int main(int argc, char** argv) {
  const int rows = argc > 1 ? std::atoi(argv[1]) : 32;
  constexpr int kMost = 256;
  std::mt19937 random(7);
  std::vector<float> logits(static_cast<size_t>(rows) * kStride);
  for (int r = 0; r < rows; r++) fill(&logits[static_cast<size_t>(r) * kStride], r, random);
  float* device_logits;
  Sampling* device_sampling;
  Chosen* device_chosen;
  CHECK(cudaMalloc(&device_logits, static_cast<size_t>(kMost) * kStride * sizeof(float)));
  CHECK(cudaMalloc(&device_sampling, kMost * sizeof(Sampling)));
  CHECK(cudaMalloc(&device_chosen, kMost * sizeof(Chosen)));
  for (int r = 0; r < kMost; r++) {
    CHECK(cudaMemcpy(device_logits + static_cast<size_t>(r) * kStride,
                     &logits[static_cast<size_t>(r % rows) * kStride], kStride * sizeof(float),
                     cudaMemcpyHostToDevice));
  }
  int wrong = 0, alone = 0, compared = 0;
  std::printf("%-28s %8s %10s %10s %10s %10s\n", "mix", "tokens", "not host's", "1 row, us",
              "64 rows", "256 rows");
  for (const Mix& mix : kMixes) {
    std::vector<Sampling> sampling(kMost);
    for (int r = 0; r < kMost; r++) {
      const unsigned int seed = static_cast<unsigned int>(random());
      sampling[r] = {mix.temperature,
                     mix.top_p,
                     mix.min_p,
                     mix.top_k,
                     seed,
                     seed * 3,
                     static_cast<unsigned int>(r * 17),
                     0};
    }
    CHECK(cudaMemcpy(device_sampling, sampling.data(), kMost * sizeof(Sampling),
                     cudaMemcpyHostToDevice));
    ChooseParams params{
        {device_logits, kStride, kStride}, device_sampling, device_chosen, kVocab, 1};
    std::vector<Chosen> chosen(rows), one(1);
    choose_tokens<<<rows, krait::kChooseThreads>>>(params);
    CHECK(cudaMemcpy(chosen.data(), device_chosen, rows * sizeof(Chosen), cudaMemcpyDeviceToHost));
    int differ = 0;
    for (int r = 0; r < rows; r++) {
      const int expected = host_choose(&logits[static_cast<size_t>(r) * kStride], sampling[r]);
      compared++;
      if (chosen[r].id != expected) {
        differ++;
        if (differ <= 3) {
          std::printf("  row %d: %d (expected: %d)\n", r, chosen[r].id, expected);
        }
      }
      ChooseParams lone = params;
      lone.logits.data += static_cast<size_t>(r) * kStride;
      lone.sampling += r;
      choose_tokens<<<1, krait::kChooseThreads>>>(lone);
      CHECK(cudaMemcpy(one.data(), device_chosen, sizeof(Chosen), cudaMemcpyDeviceToHost));
      alone += std::memcmp(&one[0], &chosen[r], sizeof(Chosen)) == 0 ? 0 : 1;
    }
    wrong += differ;
    std::printf("%-28s %8d %10d %10.1f %10.1f %10.1f\n", mix.name, rows, differ,
                microseconds(params, 1, rows > 4), microseconds(params, 64, rows > 4),
                microseconds(params, 256, rows > 4));
  }
  CHECK(cudaDeviceSynchronize());
  std::printf("%d tokens compared, %d differ from the host's, %d rows differ when alone: %s\n",
              compared, wrong, alone, wrong == 0 && alone == 0 ? "PASS" : "FAIL");
  return wrong == 0 && alone == 0 ? 0 : 1;
}
