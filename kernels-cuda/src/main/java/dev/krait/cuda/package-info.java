/// The backend for NVIDIA GPUs. Read [dev.krait.cuda.CudaBackend] and [dev.krait.cuda.CudaOps]
/// first; the kernels lie in `src/main/cuda`. One thread at a time calls it: the engine's.
@NullMarked
package dev.krait.cuda;

import org.jspecify.annotations.NullMarked;
