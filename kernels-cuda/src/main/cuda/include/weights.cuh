// Eight consecutive weights of a row, loaded with 16-byte loads and widened to fp32.
#pragma once

#include <cuda_fp16.h>

namespace krait {

// Sixteen bytes that are read once: they pass L1 and prefetch a line of 256 bytes into L2.
__device__ inline uint4 load_once(const void* address) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(address));
  return v;
}

template <typename T>
struct Eight;

template <>
struct Eight<__half> {
  uint4 bits;

  __device__ void load(const __half* address) { bits = load_once(address); }

  __device__ void widen(float* out) const {
    const unsigned int words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      out[2 * i] = __half2float(__ushort_as_half(static_cast<unsigned short>(words[i] & 0xffffu)));
      out[2 * i + 1] = __half2float(__ushort_as_half(static_cast<unsigned short>(words[i] >> 16)));
    }
  }
};

template <>
struct Eight<float> {
  uint4 low;
  uint4 high;

  __device__ void load(const float* address) {
    low = load_once(address);
    high = load_once(address + 4);
  }

  __device__ void widen(float* out) const {
    const unsigned int words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int i = 0; i < 8; i++) {
      out[i] = __uint_as_float(words[i]);
    }
  }
};

}  // namespace krait
