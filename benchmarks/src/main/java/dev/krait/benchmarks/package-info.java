/// How fast a model runs on this machine, and how near that is to what the machine can do: `krait
/// bench`, of which read [BenchCommand], then [ModelBench] and [SpeculationBench].
///
/// Beside it JMH benchmarks of the hot loops, each on the scalar reference and on the vector
/// backend; both must agree before anything is timed. The `main` of [OpBenchmarks] runs all of them
/// with the allocation profiler; JMH is not part of what ships.
@NullMarked
package dev.krait.benchmarks;

import org.jspecify.annotations.NullMarked;
