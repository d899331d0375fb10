// What every kernel sees: rows of activations, the step's arrays, and the record that ties a
// kernel's parameters to the Java side.
#pragma once

namespace krait {

// A view [tokens, columns] whose rows lie `stride` floats apart; `data` is its first float.
struct Rows {
  float* data;
  int stride;
  int columns;

  __device__ float* row(int token) const { return data + static_cast<long long>(token) * stride; }
};

// A row of the step.
struct Token {
  int id;
  int position;
  int sequence;
  int unused;
};

// A sequence of the step; see dev.krait.backend.StepInputs for what fold, direct, held and windowed
// tokens are. Kernels copy it once.
struct Sequence {
  int first_row;
  int tokens;
  int first_position;
  int direct;
  int fold;
  int held;
  int slot;
  int unused;

  // Position of the first folded token.
  __device__ int fold_from() const { return first_position - held - fold; }

  // True when the state starts from zero.
  __device__ bool starts_fresh() const { return fold_from() == 0; }

  // True when the committed state changes.
  __device__ bool writes_state() const { return starts_fresh() || fold > 0 || direct > 0; }
};

// The token that was chosen for an output; -1 for none.
struct Chosen {
  int id;
  float probability;
};

// dev.krait.backend.StepInputs on the device, filled by dev.krait.cuda.CudaStep.
struct Step {
  const Token* tokens;        // [tokens]
  const Sequence* sequences;  // [sequences]
  const int* block_table;     // [sequences, max_blocks]
  int max_blocks;

  // The block of a position of a sequence.
  __device__ int block(int sequence, int position, int block_tokens) const {
    return block_table[sequence * max_blocks + position / block_tokens];
  }
};

// Where tokens are dealt out in tiles of up to `per_tile` of one sequence: sequence s, whose first
// row is f, has places from f / per_tile + s on, so that tokens / per_tile + sequences places are
// enough whatever the sequences. A block looks up its place; no token is where it is empty.
struct TokenTile {
  int sequence;
  int first;  // of the sequence's tokens
  int tokens;

  __device__ void find(const Step& step, int sequences, int place, int per_tile) {
    if (threadIdx.x == 0) {
      tokens = 0;
    }
    __syncthreads();
    for (int s = static_cast<int>(threadIdx.x); s < sequences; s += static_cast<int>(blockDim.x)) {
      const Sequence& candidate = step.sequences[s];
      const int from = (place - candidate.first_row / per_tile - s) * per_tile;
      if (from >= 0 && from < candidate.tokens) {
        sequence = s;
        first = from;
        tokens = min(per_tile, candidate.tokens - from);
      }
    }
    __syncthreads();
  }
};

// Kernels run one after the other, but the blocks of the next one are resident before the present
// one has ended (programmatic dependent launch, from sm_90 on). Until wait_for_previous() a kernel
// may read weights and the step's arrays and nothing else, and write nothing.
__device__ inline void launch_next() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ inline void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The first statement of a kernel that has nothing to do ahead.
__device__ inline void begin() {
  launch_next();
  wait_for_previous();
}

}  // namespace krait

// Exports a number that the Java side reads when it loads the file.
#define KRAIT_CONSTANT(name, value) extern "C" __constant__ unsigned int name = value

// Exports the size of a kernel's parameters, which the Java side compares with its own.
#define KRAIT_PARAMS(kernel, type) KRAIT_CONSTANT(kernel##_params, sizeof(type))
