// Activations as sums of three bf16 numbers, and the instruction that multiplies them.
#pragma once

#include <cuda_bf16.h>

namespace krait {

constexpr int kWarps = 16;  // sums of a product: each takes every sixteenth column tile
constexpr int kTokenTile = 8;
constexpr int kParts = 3;  // bf16 numbers of an activation

// acc += weight tile x activations, 16 x 8 x 16.
__device__ inline void multiply_add(float (&acc)[4], const uint4& weight, unsigned int b0,
                                    unsigned int b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3])
      : "r"(weight.x), "r"(weight.y), "r"(weight.z), "r"(weight.w), "r"(b0), "r"(b1));
}

// Takes the leading bf16 of two numbers off them.
__device__ inline unsigned int take_leading(float2& v) {
  const __nv_bfloat162 leading = __floats2bfloat162_rn(v.x, v.y);
  const unsigned int bits = *reinterpret_cast<const unsigned int*>(&leading);
  v.x -= __uint_as_float(bits << 16);
  v.y -= __uint_as_float(bits & 0xffff0000u);
  return bits;
}

// Two activations of a row from a column on; zeros behind the last. Rows are `aligned` where each
// starts at a multiple of 8 bytes.
__device__ inline float2 load_pair(const float* row, int column, int columns, bool aligned) {
  if (aligned && column + 1 < columns) {
    return *reinterpret_cast<const float2*>(row + column);
  }
  return {column < columns ? row[column] : 0.0f, column + 1 < columns ? row[column + 1] : 0.0f};
}

}  // namespace krait
