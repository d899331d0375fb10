package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.backend.reference.ReferenceBackendProvider;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class BackendsTest {
  private static final BackendProvider REFERENCE = new ReferenceBackendProvider();

  private record Provider(String name, int preference, Optional<String> unavailable)
      implements BackendProvider {
    @Override
    public List<NumericMode> modes() {
      return List.of(NumericMode.BF16, NumericMode.EXACT);
    }

    @Override
    public UsualLimits usualLimits() {
      return new UsualLimits(preference, preference);
    }

    @Override
    public Backend open(OptionalInt threads, NumericMode mode) {
      return new ReferenceBackend(mode);
    }
  }

  private static Backends.Selection select(String name, BackendProvider... providers) {
    return Backends.select(
        name, OptionalInt.empty(), NumericMode.EXACT::equals, List.of(providers));
  }

  @Test
  void theFastestModeThatFitsTheWeightsIsTaken() {
    List<BackendProvider> both = List.of(new Provider("cuda", 20, Optional.empty()));

    assertThat(
            Backends.select("auto", OptionalInt.empty(), any -> true, both).backend().numericMode())
        .isEqualTo(NumericMode.BF16);
    assertThat(select("auto", both.getFirst()).backend().numericMode())
        .isEqualTo(NumericMode.EXACT);
  }

  @Test
  void weightsAreAskedOnlyAboutModesThatTheBackendHas() {
    List<NumericMode> asked = new ArrayList<>();

    try (Backend backend =
        Backends.select("cpu", OptionalInt.of(1), mode -> asked.add(mode)).backend()) {
      assertThat(asked).containsExactly(backend.numericMode());
    }
  }

  @Test
  void limitsAreThoseOfTheBackendThatIsTaken() {
    Provider missing = new Provider("cuda", 20, Optional.of("no driver"));
    Provider cuda = new Provider("cuda", 20, Optional.empty());
    Provider cpu = new Provider("cpu", 10, Optional.empty());

    assertThat(Backends.usualLimits("auto", List.of(cuda, cpu)).maxSequences()).isEqualTo(20);
    assertThat(Backends.usualLimits("auto", List.of(missing, cpu)).maxSequences()).isEqualTo(10);
    assertThat(Backends.usualLimits("cpu", List.of(cuda, cpu)).maxSequences()).isEqualTo(10);
    assertThat(Backends.usualLimits("none", List.of(cuda))).isEqualTo(UsualLimits.PROCESSORS);
    assertThat(Backends.usualLimits("auto", List.of(REFERENCE))).isEqualTo(UsualLimits.PROCESSORS);
  }

  @Test
  void aModeThatTheBackendLacksIsRefused() {
    EngineException failure =
        catchThrowableOfType(
            EngineException.class,
            () -> Backends.select("cpu", OptionalInt.empty(), NumericMode.BF16::equals));

    assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    assertThat(failure).hasMessageContaining("bf16").hasMessageContaining("exact");
  }

  @Test
  void autoFailsWithTheFlagToAddInsteadOfTakingTheReference() {
    Provider cpu =
        new Provider("cpu", 10, Optional.of("the JVM was started without --add-modules x.y"));

    EngineException failure =
        catchThrowableOfType(EngineException.class, () -> select("auto", cpu, REFERENCE));

    assertThat(failure.code()).isEqualTo(ErrorCode.UNSUPPORTED);
    assertThat(failure).hasMessageContaining("--add-modules x.y").hasMessageContaining("reference");
  }

  @Test
  void theReferenceIsTakenWhenAskedFor() {
    assertThat(select("reference", REFERENCE).reason()).isEqualTo("asked for");
  }

  @Test
  void autoSaysWhatItPassedOver() {
    Provider cuda = new Provider("cuda", 20, Optional.of("no driver"));
    Provider cpu = new Provider("cpu", 10, Optional.empty());

    assertThat(select("auto", cuda, cpu, REFERENCE).reason()).contains("cuda: no driver");
    assertThat(select("auto", cpu, REFERENCE).reason()).isEqualTo("the best in this build");
  }
}
