package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.speculation.SimulatedServer.Machine;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the measured draft length loses against plain decoding and against the best fixed length,
/// on a simulated machine. Several sequences must promise more before they draft.
class DraftLengthRegretTest {
  private static final int SEEDS = 12;

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
        new SimulatedServer.Disturbance(jitter, spikes, phaseMicros, slowShare, slowFactor);
    for (int batch : new int[] {1, 2, 4, 8, 16}) {
      for (double acceptance : new double[] {0.1, 0.3, 0.55, 0.8}) {
        double measured = 0;
        double[] fixed = new double[SimulatedServer.MAX_DRAFTS + 1];
        for (long seed = 0; seed < SEEDS; seed++) {
          var policy = new MeasuredDraftLength("draft", SimulatedServer.MAX_DRAFTS, 256);
          measured +=
              new SimulatedServer(machine, policy, batch, acceptance, disturbance, seed).run();
          for (int k = 0; k < fixed.length; k++) {
            var length = new FixedDraftLength("draft", k);
            fixed[k] +=
                new SimulatedServer(machine, length, batch, acceptance, disturbance, seed).run();
          }
        }
        double best = Arrays.stream(fixed).min().orElseThrow();
        String where = "batch " + batch + ", acceptance " + acceptance;
        assertThat(fixed[0] / measured)
            .as("over plain, " + where)
            .isGreaterThan(batch == 1 ? 0.955 : 0.965);
        assertThat(best / measured)
            .as("over the best, " + where)
            .isGreaterThan(batch == 1 ? 0.9 : 0.81);
      }
    }
  }
}
