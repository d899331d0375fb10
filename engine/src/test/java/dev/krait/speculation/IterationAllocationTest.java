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
import dev.krait.testing.CompilerQueue;
import dev.krait.testing.GoldenModel;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Scheduling, drafting, the forward passes, sampling and acceptance of a step allocate nothing
/// once the sequences run. Buffers of tokens double ever more rarely, so that many windows in a row
/// see none; a report is drawn up once in each window.
@Tag("slow")
class IterationAllocationTest {
  private static final int SEQUENCES = 4;
  private static final int REPORT_STEPS = 16;
  private static final int MAX_WINDOWS = 500;
  private static final int CLEAN_WINDOWS = 12;

  @ParameterizedTest
  @CsvSource({"llama-gqa-rope3, 0", "mil2-25, 0", "mamba1-hf, 0", "mil2-25, 3", "mamba1-hf, 3"})
  void aStepAllocatesNothing(String target, int draftTokens) {
    Path folder = GoldenModel.folder(target);
    Path draft = GoldenModel.folder("mil1-50-split");
    Sizes sizes = new Sizes(draftTokens, SEQUENCES, 16_384, 64, 1);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Backend backend =
            Backends.select("cpu", OptionalInt.of(1), NumericMode.EXACT::equals).backend();
        SpeculationRig rig =
            draftTokens == 0
                ? SpeculationRig.of(folder, backend, sizes, vocab -> new NgramDrafter(1, 3))
                : SpeculationRig.withModel(folder, draft, backend, sizes)) {
      for (int i = 0; i < SEQUENCES; i++) {
        int seed = i;
        SamplingParams sampling =
            i == 0
                ? SamplingParams.greedy()
                : SamplingParams.of(set -> {
                  set.temperature = 0.8f;
                  set.topK = 20;
                  set.topP = 0.9f;
                  set.seed = seed;
                  set.repetitionPenalty = 1.1f;
                });
        StopConditions stop = new StopConditions(16_000, 16_000, TokenIds.empty());
        rig.handle().submit(GenerationRequest.of("r" + i, TokenIds.of(1, 2, 3), sampling, stop));
      }
      Windows windows = new Windows(draftTokens > 0);
      while (windows.measured < MAX_WINDOWS && windows.clean < CLEAN_WINDOWS) {
        long[] bytes = new long[REPORT_STEPS];
        for (int i = 0; i < REPORT_STEPS; i++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          rig.step();
          bytes[i] = threads.getCurrentThreadAllocatedBytes() - before;
        }
        windows.add(bytes);
        if (windows.clean == 0) {
          CompilerQueue.awaitEmpty();
        }
      }
      assertThat(windows.clean)
          .as("clean windows in a row; bytes of the last steps: %s", Arrays.toString(windows.last))
          .isEqualTo(CLEAN_WINDOWS);
    }
  }

  /// Counts windows in a row in which no step allocates, but for the one, always at the same place,
  /// that draws up a report.
  private static final class Windows {
    private final boolean reports;
    private int reportStep = -1;
    private int measured;
    private int clean;
    private long[] last = new long[0];

    Windows(boolean reports) {
      this.reports = reports;
    }

    void add(long[] bytes) {
      last = bytes;
      measured++;
      int allocating = 0;
      int step = -1;
      for (int i = 0; i < bytes.length; i++) {
        if (bytes[i] > 0) {
          allocating++;
          step = i;
        }
      }
      boolean report = reports && allocating == 1 && (clean == 0 || step == reportStep);
      clean = allocating == 0 || report ? clean + 1 : 0;
      reportStep = step;
    }
  }
}
