package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A verify reads one state and the accepted inputs, writes the state once and caches its own
/// inputs; no more.
class StateTrafficTest {

  static Stream<Arguments> cases() {
    return Stream.of("cpu", "reference")
        .flatMap(backend ->
            Stream.of(
                    new Mamba1(64, 32, 16, 4, 4, 2, 4, false),
                    new Mamba1(48, 48, 16, 4, 3, 1, 1, true),
                    new Mamba2(4, 16, 16, 2, 2, 4, 4, 4, 1e-5f),
                    new Mamba2(4, 24, 32, 4, 1, 1, 4, 1, 1e-5f))
                .map(mixer -> Arguments.of(backend, mixer)));
  }

  @ParameterizedTest(name = "{1} on {0}")
  @MethodSource("cases")
  void countsEqualTheFormulas(String backendName, Mixer mixer) {
    try (Backend backend =
            Backends.select(backendName, OptionalInt.of(2), NumericMode.EXACT::equals).backend();
        StateTraffic traffic = new StateTraffic(backend, mixer)) {
      StateTraffic.Report report = traffic.run();
      assertThat(report.holds()).as(report.toString()).isTrue();
    }
  }
}
