package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.speculation.SimulatedSteps.Machine;
import dev.krait.speculation.SimulatedSteps.Quality;
import java.util.Arrays;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the measured draft length loses against plain decoding and against the best fixed length,
/// on a simulated machine, with drafters that know how sure they are and others. Several sequences
/// draft only after that was confirmed.
@Tag("slow")
class DraftLengthRegretTest {
  private static final int SEEDS = 6;
  private static final double[] ACCEPTANCES = {0.1, 0.3, 0.55, 0.8};

  @ParameterizedTest
  @CsvSource({
    "WIDE, 0, 0, 1, 0, 1", // undisturbed
    "WIDE, 0.05, 0.02, 1, 0, 1", // a quiet virtual machine
    "WIDE, 0.2, 0.05, 1, 0, 1", // a noisy one
    "WIDE, 0.05, 0.02, 100000, 0.05, 3.5", // bursts of other work on the same cores
    "WIDE, 0.1, 0.03, 50000, 0.3, 1.8", // neighbours that come and go
    "WIDE, 0.1, 0.03, 300000, 0.3, 1.8",
    "NARROW, 0, 0, 1, 0, 1",
    "NARROW, 0.2, 0.05, 1, 0, 1",
    "NARROW, 0.1, 0.03, 50000, 0.3, 1.8",
  })
  void isNeverMuchSlowerThanPlainAndNearTheBestFixedLength(
      Machine machine,
      double jitter,
      double spikes,
      double phaseMicros,
      double slowShare,
      double slowFactor) {
    var disturbance =
        new SimulatedSteps.Disturbance(jitter, spikes, phaseMicros, slowShare, slowFactor);
    for (int batch : new int[] {1, 2, 4, 8, 16}) {
      for (double acceptance : ACCEPTANCES) {
        double[] fixed = new double[SimulatedSteps.MAX_DRAFTS + 1];
        for (int k = 0; k < fixed.length; k++) {
          var length = new FixedDraftLength("draft", k);
          var quality = new Quality(acceptance, false);
          fixed[k] = micros(machine, () -> length, batch, quality, disturbance);
        }
        double best = Arrays.stream(fixed).min().orElseThrow();
        for (boolean tells : new boolean[] {false, true}) {
          var quality = new Quality(acceptance, tells);
          double measured =
              micros(
                  machine,
                  () -> new MeasuredDraftLength("draft", SimulatedSteps.MAX_DRAFTS, 256),
                  batch,
                  quality,
                  disturbance);
          String where = "batch " + batch + ", " + quality;
          assertThat(fixed[0] / measured).as("over plain, " + where).isGreaterThan(0.97);
          assertThat(best / measured)
              .as("over the best, " + where)
              .isGreaterThan(batch == 1 ? 0.93 : 0.82);
        }
      }
    }
  }

  private static double micros(
      Machine machine,
      Supplier<DraftLengthPolicy> policies,
      int batch,
      Quality quality,
      SimulatedSteps.Disturbance disturbance) {
    double micros = 0;
    for (long seed = 0; seed < SEEDS; seed++) {
      micros +=
          new SimulatedSteps(machine, policies.get(), batch, quality, disturbance, seed).run();
    }
    return micros;
  }
}
