package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.StepInputs;
import dev.krait.benchmarks.OpBenchmarks.Op;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.Optional;
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

/// The Mamba-1 scan of one token a sequence, 1536 channels with 16 states.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xms1g", "-Xmx1g"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@SuppressWarnings("NullAway.Init")
public class SelectiveScanBenchmark {
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
    int inner = 1536;
    int states = 16;
    Mamba1 mixer = new Mamba1(inner, inner, states, 4, 48, 1, 1, true);
    Buffer perChannel = inputs.buffer(inner, 0, 1);
    Buffer a = inputs.buffer(inner * states, -16, -1);
    WeightMatrix none = inputs.bf16(1, 1);
    Mamba1Weights weights =
        new Mamba1Weights(
            none, perChannel, perChannel, Optional.empty(), none, perChannel, a, perChannel, none);
    Buffer state = inputs.buffer(sequences * inner * states, -1, 1);
    Buffer empty = inputs.buffer(0, 0, 1);
    StateCache cache = new StateCache(state, empty, empty, 3, 0);
    Rows x = inputs.rows(sequences, inner);
    Rows timeStep = inputs.rows(sequences, inner);
    Rows b = inputs.rows(sequences, states);
    Rows c = inputs.rows(sequences, states);
    Rows z = inputs.rows(sequences, inner);
    Rows dst = inputs.rows(sequences, inner);
    StepInputs step = inputs.step(sequences, 10, 1);
    return () -> {
      inputs.backend().ops().selectiveScan(dst, x, timeStep, b, c, z, mixer, weights, cache, step);
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
