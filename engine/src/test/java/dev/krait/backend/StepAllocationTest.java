package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.cpu.CpuBackend;
import dev.krait.model.Activation;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.DeltaVectors;
import dev.krait.model.MixerWeights.GatedDeltaNetWeights;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.model.Norm;
import dev.krait.model.RoutedMlp;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import dev.krait.testing.CompilerQueue;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Once compiled, an operation allocates nothing, in many windows of calls in a row: no vector
/// becomes an object, no dispatch makes a task.
@Tag("slow")
class StepAllocationTest {
  private static final int MAX_WINDOWS = 4000;
  private static final int CLEAN_WINDOWS = 50;
  private static final int CALLS = 100;
  private static final int WORKERS = 1;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

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
      NormArgs norm = new NormArgs(dst, x, weight, new Norm(96, 1e-5f));
      Activation[] activations = Activation.values();
      HeadNormArgs headNorm = new HeadNormArgs(x, 3, weight, new Norm(32, 1e-5f));
      GatedNormArgs gatedNorm = new GatedNormArgs(dst, x, y, weight, 2, 1e-5f);
      return () -> {
        bench.ops().addRmsNorm(norm, y, tokens);
        bench.ops().scale(y, 0.9f, tokens);
        for (Activation activation : activations) {
          bench.ops().activateMul(dst, x, y, activation, tokens);
          bench.ops().activate(x, activation, tokens);
        }
        bench.ops().addBias(x, weight, tokens);
        bench.ops().headRmsNorm(headNorm, tokens);
        bench.ops().gatedRmsNorm(gatedNorm, tokens);
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
      RopeAngles angles = new RopeAngles(attention.rope().orElseThrow(), cos, sin);
      AttentionArgs args =
          new AttentionArgs(
              bench.output(tokens, 4 * 32),
              queries,
              keys,
              keys,
              Optional.of(angles),
              cache,
              attention);
      return () -> {
        bench.ops().ropeAngles(angles, step);
        bench.ops().ropeWriteKvAttend(args, step);
      };
    });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void scansAllocateNothing(int tokens) {
    assertAllocatesNothing(bench -> mamba1(bench, tokens));
    assertAllocatesNothing(bench -> mamba2(bench, tokens));
    assertAllocatesNothing(bench -> deltaRule(bench, tokens));
  }

  private static Runnable mamba1(OpRig bench, int tokens) {
    Mamba1 mixer = new Mamba1(128, 128, 16, 4, 8, 1, 1, true);
    Buffer perChannel = bench.buffer(128 * 16, 1);
    WeightMatrix none = bench.matrix(1, 1, DType.F32);
    Mamba1Weights weights =
        new Mamba1Weights(
            mixer,
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
    CausalConvArgs conv =
        new CausalConvArgs(dst, x, perChannel, perChannel, 4, 128, 1, Activation.SILU, cache);
    SelectiveScanArgs scan = new SelectiveScanArgs(dst, x, x, b, b, x, weights, cache);
    return () -> {
      bench.ops().causalConv(conv, step);
      bench.ops().selectiveScan(scan, step);
    };
  }

  private static Runnable mamba2(OpRig bench, int tokens) {
    Mamba2 mixer = new Mamba2(2, 32, 16, 2, 1, 1, 4, 1, 1e-5f);
    Buffer perHead = bench.buffer(2, 1);
    WeightMatrix none = bench.matrix(1, 1, DType.F32);
    Mamba2Weights weights =
        new Mamba2Weights(mixer, none, perHead, perHead, perHead, perHead, perHead, perHead, none);
    StateCache cache = cache(bench, 64 * 16, mixer.convChannels(), mixer.inputElements());
    StepInputs step = verifying(bench, tokens);
    Rows xbc = bench.rows(tokens, mixer.convChannels(), 1);
    Rows timeStep = bench.rows(tokens, 2, 1);
    Rows dst = bench.output(tokens, 64);
    SsdScanArgs scan = new SsdScanArgs(dst, xbc, timeStep, weights, cache);
    return () -> bench.ops().ssdScan(scan, step);
  }

  private static Runnable deltaRule(OpRig bench, int tokens) {
    GatedDeltaNet mixer = new GatedDeltaNet(1, 2, 16, 32, 4, 1, 0, Activation.SILU, 1e-5f);
    Buffer perHead = bench.buffer(2, 1);
    WeightMatrix none = bench.matrix(1, 1, DType.F32);
    GatedDeltaNetWeights weights =
        new GatedDeltaNetWeights(
            mixer,
            none,
            Optional.empty(),
            Optional.empty(),
            perHead,
            perHead,
            perHead,
            new DeltaVectors(perHead, perHead, perHead),
            perHead,
            none);
    StateCache cache = cache(bench, 2 * 16 * 32, mixer.convChannels(), mixer.inputElements());
    StepInputs step = verifying(bench, tokens);
    Rows qkv = bench.rows(tokens, mixer.convChannels(), 0.1f);
    Rows perToken = bench.rows(tokens, 2, 1);
    Rows dst = bench.output(tokens, mixer.valueColumns());
    DeltaRuleArgs args = new DeltaRuleArgs(dst, qkv, perToken, perToken, weights, cache);
    return () -> bench.ops().deltaRule(args, step);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void expertsAllocateNothing(int tokens) {
    for (RoutedMlp mixer : ExpertScenarios.mixers()) {
      assertAllocatesNothing(bench -> {
        Rows x = bench.rows(tokens, 24, 1);
        Rows scores = bench.rows(tokens, mixer.scores(), 2);
        Rows dst = bench.output(tokens, 24);
        ExpertsArgs args = new ExpertsArgs(dst, x, scores, ExpertScenarios.weights(bench, mixer));
        return () -> bench.ops().experts(args, tokens);
      });
    }
  }

  private static StateCache cache(OpRig bench, int state, int channels, int inputs) {
    return new StateCache(
        bench.buffer(state, 1),
        bench.buffer(16 * channels, 1),
        bench.buffer(16 * inputs, 1),
        16,
        16);
  }

  /// One folded token and `tokens` windowed ones.
  private static StepInputs verifying(OpRig bench, int tokens) {
    StepInputs step = bench.step(tokens, 4);
    step.foldTokens[0] = 1;
    return step;
  }

  private interface Preparation {
    Runnable on(OpRig bench);
  }

  private static void assertAllocatesNothing(Preparation preparation) {
    try (CpuBackend backend = CpuBackend.open(1 + WORKERS)) {
      Runnable op = preparation.on(new OpRig(backend, 1));
      long[] workers = workers();
      assertThat(workers).hasSize(WORKERS);
      long allocated = 0;
      int clean = 0;
      for (int window = 0; window < MAX_WINDOWS && clean < CLEAN_WINDOWS; window++) {
        long before = allocatedBytes(workers);
        for (int i = 0; i < CALLS; i++) {
          op.run();
        }
        allocated = allocatedBytes(workers) - before;
        clean = allocated == 0 ? clean + 1 : 0;
        if (clean == 0) {
          CompilerQueue.awaitEmpty();
        }
      }
      assertThat(clean)
          .as(
              "windows of %d calls in a row that allocate nothing; last: %d bytes",
              CALLS, allocated)
          .isEqualTo(CLEAN_WINDOWS);
    }
  }

  private static long[] workers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("krait-cpu-"))
        .mapToLong(Thread::threadId)
        .toArray();
  }

  /// Bytes that this thread and the workers have allocated so far.
  private static long allocatedBytes(long[] workers) {
    long bytes = THREADS.getCurrentThreadAllocatedBytes();
    for (long worker : workers) {
      bytes += THREADS.getThreadAllocatedBytes(worker);
    }
    return bytes;
  }
}
