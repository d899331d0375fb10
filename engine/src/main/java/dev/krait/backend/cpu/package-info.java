/// The CPU backend on the Vector API: lanes run across the outputs of an operation and never across
/// a sum, so every result has the same bits for any vector width, thread count and batch.
///
/// Read [CpuBackend], then [CpuOps]; the matrix product is a package of its own. One thread at a
/// time may call it; the backend spreads an operation over its own workers.
@NullMarked
package dev.krait.backend.cpu;

import org.jspecify.annotations.NullMarked;
