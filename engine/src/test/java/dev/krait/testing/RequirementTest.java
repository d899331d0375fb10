package dev.krait.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

class RequirementTest {
  private static final Optional<String> MISSING = Optional.of("no driver");

  @Test
  void whatIsMissingSkipsWithTheReason() {
    assertThatThrownBy(() -> Requirement.CUDA.orSkip(MISSING, Set.of(Requirement.AVX2)))
        .isInstanceOf(TestAbortedException.class)
        .hasMessage("needs cuda: no driver");
  }

  @Test
  void whatIsMissingAlthoughItIsRequiredFails() {
    assertThatThrownBy(() -> Requirement.CUDA.orSkip(MISSING, Set.of(Requirement.CUDA)))
        .isInstanceOf(AssertionError.class)
        .hasMessage("needs cuda: no driver (but krait.require says that it is here)");
  }

  @Test
  void whatIsThereRuns() {
    Requirement.CUDA.orSkip(Optional.empty(), Set.of(Requirement.CUDA));
  }

  @Test
  void thePropertyNamesRequirements() {
    assertThat(Requirement.required("")).isEmpty();
    assertThat(Requirement.required("cuda, avx512"))
        .containsExactly(Requirement.CUDA, Requirement.AVX512);
    assertThatThrownBy(() -> Requirement.required("avx"))
        .isInstanceOf(AssertionError.class)
        .hasMessage("krait.require: avx (expected: cuda, kernels, avx2, avx512)");
  }

  @Test
  void theProcessorHasWhatIsRequiredOfIt() {
    Set<Requirement> required = Requirement.required(System.getProperty("krait.require", ""));
    if (required.contains(Requirement.AVX2)) {
      assertThat(Requirement.missingProcessorFlag("avx2")).isEmpty();
    }
    if (required.contains(Requirement.AVX512)) {
      assertThat(Requirement.missingProcessorFlag("avx512f")).isEmpty();
    }
  }
}
