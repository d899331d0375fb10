package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.StepInputs;
import dev.krait.benchmarks.OpBenchmarks.Op;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Rope;
import dev.krait.tensor.Rows;
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

/// Attention of one token a sequence, 6 heads of 64 over 2 key/value heads, at position 500.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xms1g", "-Xmx1g"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init")
public class AttentionBenchmark {
  /// Sequences of the step.
  @Param({"1", "8"})
  public int sequences;

  /// Scalar or vector.
  @Param({"reference", "cpu"})
  public String on;

  private Backend backend;
  private Op op;

  /// Opens the backend and compares.
  @Setup
  public void open() {
    backend = OpInputs.open(on);
    op = OpBenchmarks.checked(backend, this::prepare, 1e-4);
  }

  private Op prepare(OpInputs inputs) {
    Attention attention = new Attention(6, 2, 64, new Rope(64, 10_000, new Rope.Scaling.None()), 0);
    int blocks = 32;
    int cached = sequences * blocks * 16 * 2 * 64;
    KvCache cache = new KvCache(inputs.buffer(cached, -1, 1), inputs.buffer(cached, -1, 1), 16);
    Rows queries = inputs.rows(sequences, 6 * 64);
    Rows dst = inputs.rows(sequences, 6 * 64);
    StepInputs step = inputs.step(sequences, 500, blocks);
    return () -> {
      inputs.backend().ops().attend(dst, queries, cache, attention, step);
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
