/// Benchmarks of the engine on this machine.
@NullMarked
package dev.krait.benchmarks;

import org.jspecify.annotations.NullMarked;
