/// Tests of threads and memory.
@NullMarked
package dev.krait.backend.cpu.machine;

import org.jspecify.annotations.NullMarked;
