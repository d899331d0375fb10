/// What the CPU backend asks of the machine: threads, vector width and memory in large pages.
///
/// [WorkerPool] spreads an operation over threads, [Lanes] is the vector width of the process,
/// [PagedMemory] holds weights. Alone in calling the system, through [SystemCalls].
@NullMarked
package dev.krait.backend.cpu.machine;

import org.jspecify.annotations.NullMarked;
