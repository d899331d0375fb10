/// Tests of the CPU backend's own parts.
///
/// Each runs on one thread and starts its own pool.
@NullMarked
package dev.krait.backend.cpu;

import org.jspecify.annotations.NullMarked;
