// rms_norm        residual += delta where there is a delta; dst = residual / rms(residual) weight
// head_rms_norm   x = x / rms of its head weight, in place
// gated_rms_norm  v = y silu(z); dst = v / rms of its group weight
// Shapes: dst, residual, delta, y, z [tokens, width], weight [width]; a group has width / groups.
// A block computes one row (or one group of it); a thread every 1024th element. Where a product is
// all that reads dst, it may be a bf16 operand instead of fp32 rows, see operand.cuh.
// fp32; any width.
// Precision: sums of squares in fp32. Determinism: by the width alone.
#include "math.cuh"
#include "operand.cuh"
#include "step.cuh"

namespace krait {

constexpr int kNormThreads = 1024;

// Elements of a thread that stay in registers; wider rows are read twice.
constexpr int kHeld = 8;
constexpr int kHeldWidth = kHeld * kNormThreads;

struct RmsNormParams {
  Rows dst;             // [tokens, width]
  Rows residual;        // [tokens, width]
  Rows delta;           // [tokens, width]; data is null where there is none
  const float* weight;  // [width]
  float epsilon;
  int operand_rows;  // 0 when dst is fp32 rows; else dst.data is an operand of so many rows
};

struct HeadRmsNormParams {
  Rows x;               // [tokens, heads * width]
  const float* weight;  // [width]
  int width;
  float epsilon;
};

struct GatedRmsNormParams {
  Rows dst;             // [tokens, groups * width]
  Rows y;               // [tokens, groups * width]
  Rows z;               // [tokens, groups * width]
  const float* weight;  // [groups * width]
  int width;
  float epsilon;
  int operand_rows;  // 0 when dst is fp32 rows; else dst.data is an operand of so many rows
};

// Calls write(i, value(i) scale weight[i]) for all i below width, where scale makes the values'
// mean square one, and keep(i, value(i)) when nobody needs value(i) any more.
template <typename Value, typename Keep, typename Write>
__device__ inline void normalise(const float* weight, int width, float epsilon, Value value,
                                 Keep keep, Write write) {
  __shared__ float scratch[kNormThreads / 32];
  const int tid = static_cast<int>(threadIdx.x);
  float held[kHeld];
  float weights[kHeld];
  float squares = 0.0f;
#pragma unroll
  for (int j = 0; j < kHeld; j++) {
    const int i = tid + j * kNormThreads;
    held[j] = i < width ? value(i) : 0.0f;
    weights[j] = i < width ? weight[i] : 0.0f;
  }
#pragma unroll
  for (int j = 0; j < kHeld; j++) {
    squares = fmaf(held[j], held[j], squares);
  }
  for (int i = tid + kHeldWidth; i < width; i += kNormThreads) {
    const float v = value(i);
    squares = fmaf(v, v, squares);
  }
  const float sum = block_sum<kNormThreads>(squares, scratch);
  const float scale = 1.0f / sqrtf(sum / static_cast<float>(width) + epsilon);
#pragma unroll
  for (int j = 0; j < kHeld; j++) {
    const int i = tid + j * kNormThreads;
    if (i < width) {
      keep(i, held[j]);
      write(i, held[j] * scale * weights[j]);
    }
  }
  for (int i = tid + kHeldWidth; i < width; i += kNormThreads) {
    const float v = value(i);
    keep(i, v);
    write(i, v * scale * weight[i]);
  }
}

// Zeros behind the last column of a row.
__device__ inline void fill_up(const Rows& dst, int operand_rows, int token) {
  const int columns = written_columns(dst, operand_rows);
  for (int i = dst.columns + static_cast<int>(threadIdx.x); i < columns; i += kNormThreads) {
    store(dst, operand_rows, token, i, 0.0f);
  }
}

template <typename Write>
__device__ inline void rms_norm(const RmsNormParams& p, Write write) {
  float* residual = p.residual.row(static_cast<int>(blockIdx.x));
  if (p.delta.data == nullptr) {
    normalise(
        p.weight, p.dst.columns, p.epsilon, [=](int i) { return residual[i]; }, [](int, float) {},
        write);
    return;
  }
  const float* delta = p.delta.row(static_cast<int>(blockIdx.x));
  normalise(
      p.weight, p.dst.columns, p.epsilon, [=](int i) { return residual[i] + delta[i]; },
      [=](int i, float v) { residual[i] = v; }, write);
}

}  // namespace krait

extern "C" __global__ void __launch_bounds__(krait::kNormThreads, 1)
    rms_norm(const __grid_constant__ krait::RmsNormParams p) {
  krait::begin();
  const int token = static_cast<int>(blockIdx.x);
  krait::rms_norm(p, [&](int i, float v) { krait::store(p.dst, p.operand_rows, token, i, v); });
  krait::fill_up(p.dst, p.operand_rows, token);
}
KRAIT_PARAMS(rms_norm, krait::RmsNormParams);

extern "C" __global__ void __launch_bounds__(krait::kNormThreads, 1)
    head_rms_norm(const __grid_constant__ krait::HeadRmsNormParams p) {
  krait::begin();
  float* x = p.x.row(blockIdx.x) + static_cast<int>(blockIdx.y) * p.width;
  krait::normalise(
      p.weight, p.width, p.epsilon, [=](int i) { return x[i]; }, [](int, float) {},
      [=](int i, float v) { x[i] = v; });
}
KRAIT_PARAMS(head_rms_norm, krait::HeadRmsNormParams);

// dst may be y: a thread writes an element after the same thread has read it for the last time.
extern "C" __global__ void __launch_bounds__(krait::kNormThreads, 1)
    gated_rms_norm(const __grid_constant__ krait::GatedRmsNormParams p) {
  krait::begin();
  const int from = static_cast<int>(blockIdx.y) * p.width;
  const float* y = p.y.row(blockIdx.x) + from;
  const float* z = p.z.row(blockIdx.x) + from;
  krait::normalise(
      p.weight + from, p.width, p.epsilon, [=](int i) { return y[i] * krait::silu(z[i]); },
      [](int, float) {},
      [&](int i, float v) {
        krait::store(p.dst, p.operand_rows, static_cast<int>(blockIdx.x), from + i, v);
      });
  if (blockIdx.y == 0) {
    krait::fill_up(p.dst, p.operand_rows, static_cast<int>(blockIdx.x));
  }
}
KRAIT_PARAMS(gated_rms_norm, krait::GatedRmsNormParams);
KRAIT_CONSTANT(rms_norm_threads, krait::kNormThreads);
