// Times of the attention kernels beside floors of the same run.
#pragma once

#include "rig.cuh"

__global__ void __launch_bounds__(128, 2) multiply_all(float* out, int steps) {
  float c[16][4] = {};
  const unsigned int a[2][4] = {{threadIdx.x, 1, 2, 3}, {4, threadIdx.x, 6, 7}};
  for (int i = 0; i < steps; i++) {
#pragma unroll
    for (int j = 0; j < 16; j++) {
      krait::multiply_add(c[j], a[j % 2], 5u, 6u);
    }
  }
  float sum = 0;
  for (int j = 0; j < 16; j++) {
    sum += c[j][0] + c[j][1] + c[j][2] + c[j][3];
  }
  if (sum == 1.25f) {
    *out = sum;
  }
}

static double read_rate() {
  const long long bytes = 8ll << 30;
  uint4* from = reinterpret_cast<uint4*>(device<char>(bytes));
  CHECK(cudaMemset(from, 1, bytes));
  unsigned* out = device<unsigned>(1);
  double best = 0;
  for (int grid : {processors * 4, processors * 16, 65536}) {
    const double us =
        time_graph([&] { read_all<<<grid, 512, 0, stream>>>(from, bytes / 16, out); }, 5);
    best = std::max(best, bytes / us * 1e-6);
  }
  CHECK(cudaFree(from));
  return best;  // TB/s
}

static double multiply_rate() {
  float* out = device<float>(1);
  const int steps = 20000;
  const double us =
      time_graph([&] { multiply_all<<<2 * processors, 128, 0, stream>>>(out, steps); }, 3);
  return 2.0 * processors * 4 * steps * 16 * 4096 / us * 1e-6;  // TFLOP/s
}

// Blocks that share the splits of a context: enough to fill the device several times.
static int blocks_of(const Run& run, int rows, int fills) {
  const Shape& s = run.cache.shape;
  const int width = std::min(s.heads / s.kv_heads, rows);
  const int places = run.tokens / (rows / width) + run.p.sequences;
  const int each = places * s.kv_heads;
  return std::max(1, std::min(run.splits, (fills * processors + each - 1) / each));
}

static void time_all() {
  const double bytes_rate = read_rate();
  const double flop_rate = multiply_rate();
  std::printf("reads %.3f TB/s, mma.sync %.0f TFLOP/s\n", bytes_rate, flop_rate);
  std::printf("%-34s %8s %8s %6s | by blocks of splits\n", "", "us", "floor", "before");
  for (int kv : {8, 32}) {
    for (int context : {1024, 4096}) {
      for (int verify : {1, 4, 8}) {
        for (int n : {1, 16, 64, 256}) {
          if (verify > 1 && (n == 256 || context == 4096)) {
            continue;
          }
          const Shape s{32, kv, 128, 16, 0};
          const double bytes = 4.0 * n * context * kv * 128;
          if (bytes > 8e9) {
            continue;
          }
          const int layers = static_cast<int>(std::min(24.0, std::max(1.0, 1.0e9 / bytes)));
          Cache cache(s, std::vector<int>(n, context), layers);
          std::vector<Span> spans;
          for (int i = 0; i < n; i++) {
            spans.push_back({i, context - verify, verify});
          }
          Run run(cache, spans);
          run.reset();
          const int rows = 32 / kv * verify > 16 ? 32 : 16;
          std::string table;
          double best = 1e30;
          for (int fills : {0, 2, 8, 100}) {
            const int every = fills == 0 ? 1 : blocks_of(run, rows, fills);
            const double us = time_graph(
                                  [&] {
                                    for (int l = 0; l < layers; l++) {
                                      attend_with(run, rows, every, l);
                                    }
                                  },
                                  5) /
                              layers;
            best = std::min(best, us);
            table += " " + std::to_string(every) + ":" + std::to_string(us).substr(0, 6);
          }
          const double before = time_graph(
                                    [&] {
                                      for (int l = 0; l < layers; l++) {
                                        attend_before(run, l);
                                      }
                                    },
                                    2) /
                                layers;
          if (verify > 1) {
            table += " | many: " + std::to_string(time_graph(
                                                      [&] {
                                                        for (int l = 0; l < layers; l++) {
                                                          attend_with(run, 128, 1, l);
                                                        }
                                                      },
                                                      5) /
                                                  layers)
                                       .substr(0, 6);
          }
          const double floor = bytes / bytes_rate * 1e-6;
          std::printf("32/%-2d context %4d, %3d x %d       %8.1f %8.1f %8.1f |%s\n", kv, context, n,
                      verify, best, floor, before, table.c_str());
          std::fflush(stdout);
        }
      }
    }
  }
  for (int kv : {8, 32}) {
    const Shape s{32, kv, 128, 16, 0};
    Cache cache(s, {32768}, 1);
    double total = 0;
    double total_floor = 0;
    for (int first = 0; first < 32768; first += 2048) {
      Run run(cache, {{0, first, 2048}});
      run.reset();
      const double us = time_graph([&] { attend_with(run, 128, 1, 0); }, 3);
      const double flops = 4.0 * 128 * 32 * 2048.0 * (first + 1024.5);
      total += us;
      total_floor += flops / flop_rate * 1e-6;
      double before = 0;
      if (first == 0) {
        before = time_graph([&] { attend_before(run, 0); }, 1);
      }
      if (first == 0 || first == 4096 || first == 30720) {
        std::printf("32/%-2d prompt %5d..%5d          %8.1f %8.1f %8.1f | %.0f TFLOP/s\n", kv,
                    first, first + 2048, us, flops / flop_rate * 1e-6, before, flops / us * 1e-6);
        std::fflush(stdout);
      }
    }
    std::printf("32/%-2d prompt of 32768           %8.1f %8.1f\n", kv, total, total_floor);
  }
  const Shape s{32, 8, 128, 16, 0};
  Cache cache(s, std::vector<int>(64, 1100), 1);
  std::vector<Span> spans;
  for (int i = 0; i < 63; i++) {
    spans.push_back({i, 1023, 1});
  }
  spans.push_back({63, 0, 512});
  Run run(cache, spans);
  run.reset();
  for (int rows : {16, 32, 128}) {
    std::printf("63 decode at 1024 and 512 of a prompt, rows %d: %.1f us\n", rows,
                time_graph([&] { attend_with(run, rows, 1, 0); }, 3));
  }
}
