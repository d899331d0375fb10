package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.benchmarks.OpBenchmarks.Op;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// The matrix product of the Mamba-130M input projection, bf16.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xms1g", "-Xmx1g"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init")
public class MatmulBenchmark {
  /// Rows of activations.
  @Param({"1", "8"})
  public int tokens;

  /// Scalar or vector.
  @Param({"reference", "cpu"})
  public String on;

  private Backend backend;
  private Op op;

  /// Opens the backend and compares.
  @Setup
  public void open() {
    backend = OpInputs.open(on);
    op = OpBenchmarks.checked(backend, this::prepare, 0);
  }

  private Op prepare(OpInputs inputs) {
    WeightMatrix weight = inputs.bf16(3072, 768);
    Rows x = inputs.rows(tokens, 768);
    Rows dst = inputs.rows(tokens, 3072);
    return () -> {
      inputs.backend().ops().matmul(dst, x, weight, tokens);
      return dst;
    };
  }

  /// Closes the backend.
  @TearDown
  public void close() {
    backend.close();
  }

  /// One call.
  @Benchmark
  public Object run() {
    return op.run();
  }
}
