package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.NumericMode;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.speculation.SpeculationRig.Sizes;
import dev.krait.testing.GoldenModel;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Scheduling, drafting, the forward passes, sampling and acceptance of a step allocate nothing
/// once the sequences run. Buffers of tokens double now and then, and reports are drawn up every 16
/// steps: most windows of steps see neither.
class IterationAllocationTest {
  private static final int SEQUENCES = 4;
  private static final int WINDOWS = 1000;
  private static final int STEPS = 8;

  @ParameterizedTest
  @CsvSource({"llama-gqa-rope3, 0", "mil2-25, 0", "mamba1-hf, 0", "mil2-25, 3", "mamba1-hf, 3"})
  void aStepAllocatesNothing(String target, int draftTokens) {
    Path folder = GoldenModel.folder(target);
    Path draft = GoldenModel.folder("mil1-50-split");
    Sizes sizes = new Sizes(draftTokens, SEQUENCES, 16_384, 64, 1);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Backend backend =
            Backends.select("cpu", OptionalInt.of(1), Set.of(NumericMode.EXACT)).backend();
        SpeculationRig rig =
            draftTokens == 0
                ? SpeculationRig.of(folder, backend, sizes, vocab -> new NgramDrafter(1, 3))
                : SpeculationRig.withModel(folder, draft, backend, sizes)) {
      for (int i = 0; i < SEQUENCES; i++) {
        SamplingParams sampling =
            i == 0
                ? SamplingParams.greedy()
                : new SamplingParams(0.8f, 20, 0.9f, 0, i, true, 1.1f, 0, 0, Map.of(), -1, -1);
        StopConditions stop = new StopConditions(16_000, 16_000, TokenIds.empty());
        rig.handle().submit(GenerationRequest.of("r" + i, TokenIds.of(1, 2, 3), sampling, stop));
      }
      long least = Long.MAX_VALUE;

      for (int window = 0; window < WINDOWS && least > 0; window++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < STEPS; i++) {
          rig.step();
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).as("bytes in " + STEPS + " steps").isZero();
    }
  }
}
