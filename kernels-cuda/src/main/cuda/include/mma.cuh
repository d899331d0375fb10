// Tensor core steps of a warp: c += a b for 16 rows, 8 columns and a depth of 16; and copies by
// threads into shared memory.
#pragma once

namespace krait {

// Four matrices of 8 rows of 16 bytes; lane i gives the address of row i.
__device__ inline void load_fragments(unsigned int (&r)[4], unsigned int address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// The same, each matrix transposed.
__device__ inline void load_transposed(unsigned int (&r)[4], unsigned int address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// bf16 operands, fp32 sums: one step of the chain, see chain.cuh.
__device__ inline void multiply_add(float (&c)[4], const unsigned int (&a)[4], unsigned int b0,
                                    unsigned int b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Starts a copy of 16 bytes into shared memory; zeros where it is not wanted.
__device__ inline void copy_piece(unsigned int to, const void* from, bool wanted) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(wanted ? 16 : 0)
               : "memory");
}

// The same for 4 bytes.
__device__ inline void copy_word(unsigned int to, const void* from, bool wanted) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from),
               "r"(wanted ? 4 : 0)
               : "memory");
}

__device__ inline unsigned int shared_place(const void* p) {
  return static_cast<unsigned int>(__cvta_generic_to_shared(p));
}

// Ends a group of copies, which may be empty.
__device__ inline void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most so many of this thread's latest groups are unfinished.
template <int kGroups>
__device__ inline void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
}

}  // namespace krait
