package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.cpu.CpuBackend;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.model.Norm;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Once compiled, an operation allocates nothing: no vector becomes an object, no dispatch makes a
/// task.
class StepAllocationTest {
  private static final int MOST_CALLS = 400_000;
  private static final int CALLS = 100;

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void matrixProductsAllocateNothing(int tokens) {
    for (DType dtype : List.of(DType.BF16, DType.F16, DType.F32)) {
      assertAllocatesNothing(bench -> {
        WeightMatrix weight = bench.matrix(600, 300, dtype);
        Rows x = bench.rows(tokens, 300, 1);
        Rows dst = bench.output(tokens, 600);
        return () -> bench.ops().matmul(dst, x, weight, tokens);
      });
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void rowsAllocateNothing(int tokens) {
    assertAllocatesNothing(bench -> {
      Rows x = bench.rows(tokens, 96, 1);
      Rows y = bench.rows(tokens, 96, 1);
      Rows dst = bench.output(tokens, 96);
      Buffer weight = bench.buffer(96, 1);
      Norm norm = new Norm(96, 1e-5f);
      return () -> {
        bench.ops().addRmsNorm(dst, x, y, weight, norm, tokens);
        bench.ops().siluMul(dst, x, y, tokens);
        bench.ops().gatedRmsNorm(dst, x, y, weight, 2, 1e-5f, tokens);
      };
    });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void attentionAllocatesNothing(int tokens) {
    Attention attention = AttentionScenarios.attention(4, 2, 32, 0);
    assertAllocatesNothing(bench -> {
      Buffer cached = bench.buffer(4 * 16 * 2 * 32, 1);
      KvCache cache = new KvCache(cached, cached, 16);
      StepInputs step = bench.newStep(tokens, 1, 4);
      step.tokens = tokens;
      for (int t = 0; t < tokens; t++) {
        step.positions[t] = 40 + t;
      }
      Rows queries = bench.rows(tokens, 4 * 32, 1);
      Rows keys = bench.rows(tokens, 2 * 32, 1);
      Rows cos = bench.rows(tokens, 16, 1);
      Rows sin = bench.rows(tokens, 16, 1);
      Rows dst = bench.output(tokens, 4 * 32);
      return () -> {
        bench.ops().ropeAngles(cos, sin, attention.rope(), step);
        bench.ops().ropeWriteKvAttend(dst, queries, keys, keys, cos, sin, cache, attention, step);
      };
    });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void scansAllocateNothing(int tokens) {
    assertAllocatesNothing(bench -> mamba1(bench, tokens));
    assertAllocatesNothing(bench -> mamba2(bench, tokens));
  }

  private static Runnable mamba1(OpBench bench, int tokens) {
    Mamba1 mixer = new Mamba1(128, 128, 16, 4, 8, 1, 1, true);
    Buffer perChannel = bench.buffer(128 * 16, 1);
    WeightMatrix none = bench.matrix(1, 1, DType.F32);
    Mamba1Weights weights =
        new Mamba1Weights(
            none,
            perChannel,
            perChannel,
            Optional.empty(),
            none,
            perChannel,
            perChannel,
            perChannel,
            none);
    StateCache cache = cache(bench, 128 * 16, 128, mixer.inputElements());
    StepInputs step = verifying(bench, tokens);
    Rows x = bench.rows(tokens, 128, 1);
    Rows b = bench.rows(tokens, 16, 1);
    Rows dst = bench.output(tokens, 128);
    return () -> {
      bench.ops().causalConv(dst, x, perChannel, perChannel, 4, 128, 1, cache, step);
      bench.ops().selectiveScan(dst, x, x, b, b, x, mixer, weights, cache, step);
    };
  }

  private static Runnable mamba2(OpBench bench, int tokens) {
    Mamba2 mixer = new Mamba2(2, 32, 16, 2, 1, 1, 4, 1, 1e-5f);
    Buffer perHead = bench.buffer(2, 1);
    WeightMatrix none = bench.matrix(1, 1, DType.F32);
    Mamba2Weights weights =
        new Mamba2Weights(none, perHead, perHead, perHead, perHead, perHead, perHead, none);
    StateCache cache = cache(bench, 64 * 16, mixer.convChannels(), mixer.inputElements());
    StepInputs step = verifying(bench, tokens);
    Rows xbc = bench.rows(tokens, mixer.convChannels(), 1);
    Rows timeStep = bench.rows(tokens, 2, 1);
    Rows dst = bench.output(tokens, 64);
    return () -> bench.ops().ssdScan(dst, xbc, timeStep, mixer, weights, cache, step);
  }

  private static StateCache cache(OpBench bench, int state, int channels, int inputs) {
    return new StateCache(
        bench.buffer(state, 1),
        bench.buffer(16 * channels, 1),
        bench.buffer(16 * inputs, 1),
        16,
        16);
  }

  /// One folded token and `tokens` windowed ones.
  private static StepInputs verifying(OpBench bench, int tokens) {
    StepInputs step = bench.step(tokens, 4);
    step.foldTokens[0] = 1;
    return step;
  }

  private interface Preparation {
    Runnable on(OpBench bench);
  }

  private static void assertAllocatesNothing(Preparation preparation) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (CpuBackend backend = CpuBackend.open(2)) {
      Runnable op = preparation.on(new OpBench(backend, 1));
      long allocated = 1;
      for (int calls = 0; calls < MOST_CALLS && allocated > 0; calls += CALLS) {
        long before = threads.getTotalThreadAllocatedBytes();
        for (int i = 0; i < CALLS; i++) {
          op.run();
        }
        allocated = threads.getTotalThreadAllocatedBytes() - before;
      }
      assertThat(allocated).as("bytes of %d calls", CALLS).isZero();
    }
  }
}
