/// JMH benchmarks of the hot loops, each on the scalar reference and on the vector backend; both
/// must agree before anything is timed.
///
/// Start with [OpBenchmarks], whose `main` runs all of them with the allocation profiler.
@NullMarked
package dev.krait.benchmarks;

import org.jspecify.annotations.NullMarked;
