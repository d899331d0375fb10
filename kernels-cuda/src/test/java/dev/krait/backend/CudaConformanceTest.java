package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.cuda.CudaBackendProvider;
import dev.krait.testing.Requirement;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every scenario on the first GPU against the scalar reference, and against itself; skipped on a
/// machine without one.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaConformanceTest {
  /// Sums of up to 1,100 products of order one, in another order than the reference's.
  private static final float MATMUL = 0x1p-15f;

  private final ReferenceBackend reference = new ReferenceBackend();
  private Optional<Backend> opened = Optional.empty();

  static List<Scenario> scenarios() {
    // What has no kernel yet, see CudaBackend#missing.
    return OpScenarios.selected().stream()
        .filter(each -> !each.name().startsWith("experts"))
        .filter(each -> !each.name().contains("GatedDeltaNet"))
        .toList();
  }

  @BeforeAll
  void open() {
    Requirement.CUDA.orSkip(new CudaBackendProvider().unavailable());
    opened = Optional.of(new CudaBackendProvider().open(OptionalInt.empty(), NumericMode.EXACT));
  }

  @AfterAll
  void close() {
    opened.ifPresent(Backend::close);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("scenarios")
  void agreesWithTheReferenceAndWithItself(Scenario scenario) {
    Backend device = opened.orElseThrow();
    boolean sums = scenario.name().startsWith("matmul");
    float tolerance = sums ? MATMUL : scenario.tolerance();
    List<float[]> expected = scenario.run(reference);
    List<float[]> actual = scenario.run(device);
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      OpConformanceTest.assertClose(actual.get(i), expected.get(i), tolerance, "output " + i);
    }
    OpConformanceTest.assertSameBits(scenario.run(device), actual);
  }
}
