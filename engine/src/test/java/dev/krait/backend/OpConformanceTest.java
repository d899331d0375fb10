package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.backend.cpu.CpuBackend;
import dev.krait.backend.reference.ReferenceBackend;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every scenario on the CPU backend against the scalar reference.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OpConformanceTest {
  private final ReferenceBackend reference = new ReferenceBackend();
  private final CpuBackend oneThread = CpuBackend.open(1);
  private final CpuBackend threeThreads = CpuBackend.open(3);

  static List<Scenario> scenarios() {
    return OpScenarios.selected();
  }

  @AfterAll
  void close() {
    oneThread.close();
    threeThreads.close();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("scenarios")
  void agreesWithTheReferenceAndWithItselfOnAnyThreads(Scenario scenario) {
    List<float[]> expected = scenario.run(reference);
    List<float[]> actual = scenario.run(threeThreads);
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertClose(actual.get(i), expected.get(i), scenario.tolerance(), "output " + i);
    }
    assertSameBits(scenario.run(threeThreads), actual);
    assertSameBits(scenario.run(oneThread), actual);
  }

  @Test
  void aPartOfANameSelectsScenarios() {
    assertThat(OpScenarios.selected("greedy choice of 1000"))
        .extracting(Scenario::name)
        .containsExactly("greedy choice of 1000");
    assertThat(OpScenarios.selected("")).hasSameSizeAs(OpScenarios.all());
    assertThatThrownBy(() -> OpScenarios.selected("argMin"))
        .hasMessage("krait.scenario: argMin (expected: a part of a scenario's name)");
    assertThat(OpScenarios.all()).extracting(Scenario::name).doesNotHaveDuplicates();
  }

  static void assertClose(float[] actual, float[] expected, float tolerance, String description) {
    assertThat(actual).as(description).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      float allowed = tolerance * Math.max(1, Math.abs(expected[i]));
      boolean close =
          Float.compare(actual[i], expected[i]) == 0
              || Math.abs(actual[i] - expected[i]) <= allowed;
      assertThat(close)
          .as("%s[%d]: %s (expected: %s +- %s)", description, i, actual[i], expected[i], allowed)
          .isTrue();
    }
  }

  static void assertSameBits(List<float[]> actual, List<float[]> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i)).as("output %d", i).isEqualTo(expected.get(i));
    }
  }
}
