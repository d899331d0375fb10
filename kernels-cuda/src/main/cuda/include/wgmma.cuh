// wgmma of 64 x kColumns x 16: bf16 operands in shared memory as operand.cuh says, fp32 sums.
#pragma once

namespace krait {

// Describes an operand whose groups of eight rows follow one another.
__device__ inline unsigned long long operand_descriptor(unsigned int address) {
  return static_cast<unsigned long long>((address & 0x3ffffu) >> 4) | (1ull << 16) | (64ull << 32) |
         (1ull << 62);
}

__device__ inline void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Waits until at most so many committed groups are unfinished.
template <int kGroups>
__device__ inline void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kGroups) : "memory");
}

#define KRAIT_SUMS8(d, i)                                                                     \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
      "+f"(d[i + 6]), "+f"(d[i + 7])
#define KRAIT_SUMS16(d, i) KRAIT_SUMS8(d, i), KRAIT_SUMS8(d, i + 8)
#define KRAIT_SUMS32(d, i) KRAIT_SUMS16(d, i), KRAIT_SUMS16(d, i + 16)
#define KRAIT_SUMS64(d, i) KRAIT_SUMS32(d, i), KRAIT_SUMS32(d, i + 32)
#define KRAIT_LIST16 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define KRAIT_LIST24 KRAIT_LIST16 ", %16, %17, %18, %19, %20, %21, %22, %23"
#define KRAIT_LIST32 KRAIT_LIST24 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define KRAIT_LIST40 KRAIT_LIST32 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define KRAIT_LIST48 KRAIT_LIST40 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define KRAIT_LIST56 KRAIT_LIST48 ", %48, %49, %50, %51, %52, %53, %54, %55"
#define KRAIT_LIST64 KRAIT_LIST56 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define KRAIT_LIST80 \
  KRAIT_LIST64 ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define KRAIT_LIST96 \
  KRAIT_LIST80 ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define KRAIT_LIST112                                                                        \
  KRAIT_LIST96                                                                               \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, " \
  "%111"
#define KRAIT_LIST128                                                                      \
  KRAIT_LIST112                                                                            \
  ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, " \
  "%126, %127"

// d += a b^T for 64 rows of a and kColumns rows of b.
template <int kColumns>
__device__ inline void wgmma(float (&d)[kColumns / 2], unsigned long long a, unsigned long long b);

#define KRAIT_WGMMA(columns, list, a_place, b_place, ...)                                     \
  template <>                                                                                 \
  __device__ inline void wgmma<columns>(float (&d)[columns / 2], unsigned long long a,        \
                                        unsigned long long b) {                               \
    asm volatile(                                                                             \
        "{\n.reg .pred p;\nsetp.eq.u32 p, 0, 0;\n"                                            \
        "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32.bf16.bf16 {" list "}, " a_place \
        ", " b_place ", p, 1, 1, 0, 0;\n}"                                                    \
        : __VA_ARGS__                                                                         \
        : "l"(a), "l"(b));                                                                    \
  }

KRAIT_WGMMA(32, KRAIT_LIST16, "%16", "%17", KRAIT_SUMS16(d, 0))
KRAIT_WGMMA(48, KRAIT_LIST24, "%24", "%25", KRAIT_SUMS16(d, 0), KRAIT_SUMS8(d, 16))
KRAIT_WGMMA(64, KRAIT_LIST32, "%32", "%33", KRAIT_SUMS32(d, 0))
KRAIT_WGMMA(80, KRAIT_LIST40, "%40", "%41", KRAIT_SUMS32(d, 0), KRAIT_SUMS8(d, 32))
KRAIT_WGMMA(96, KRAIT_LIST48, "%48", "%49", KRAIT_SUMS32(d, 0), KRAIT_SUMS16(d, 32))
KRAIT_WGMMA(112, KRAIT_LIST56, "%56", "%57", KRAIT_SUMS32(d, 0), KRAIT_SUMS16(d, 32),
            KRAIT_SUMS8(d, 48))
KRAIT_WGMMA(128, KRAIT_LIST64, "%64", "%65", KRAIT_SUMS64(d, 0))
KRAIT_WGMMA(160, KRAIT_LIST80, "%80", "%81", KRAIT_SUMS64(d, 0), KRAIT_SUMS16(d, 64))
KRAIT_WGMMA(192, KRAIT_LIST96, "%96", "%97", KRAIT_SUMS64(d, 0), KRAIT_SUMS32(d, 64))
KRAIT_WGMMA(224, KRAIT_LIST112, "%112", "%113", KRAIT_SUMS64(d, 0), KRAIT_SUMS32(d, 64),
            KRAIT_SUMS16(d, 96))
KRAIT_WGMMA(256, KRAIT_LIST128, "%128", "%129", KRAIT_SUMS64(d, 0), KRAIT_SUMS64(d, 64))

}  // namespace krait
