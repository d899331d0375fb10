package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.tensor.Rows;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/// Runs the benchmarks of this package with the allocation profiler; takes JMH's arguments.
public final class OpBenchmarks {
  private OpBenchmarks() {}

  /// An operation with its inputs.
  interface Op {
    /// Runs it and returns its output, which the next call overwrites.
    Rows run();
  }

  /// Makes an operation on a backend.
  interface OpFactory {
    /// Prepares the inputs.
    Op on(OpInputs inputs);
  }

  /// The operation on the named backend, after its first output there was compared with the
  /// reference's.
  static Op checked(Backend backend, OpFactory factory, double tolerance) {
    float[] actual = OpInputs.read(factory.on(new OpInputs(backend)).run());
    try (Backend reference = OpInputs.open("reference")) {
      float[] expected = OpInputs.read(factory.on(new OpInputs(reference)).run());
      OpInputs.requireClose(actual, expected, tolerance);
    }
    return factory.on(new OpInputs(backend));
  }

  /// Entry point.
  public static void main(String[] args) throws RunnerException, CommandLineOptionException {
    new Runner(
            new OptionsBuilder()
                .parent(new CommandLineOptions(args))
                .addProfiler(GCProfiler.class)
                .build())
        .run();
  }
}
