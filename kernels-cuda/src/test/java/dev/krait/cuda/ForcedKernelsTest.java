package dev.krait.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.backend.Backend;
import dev.krait.backend.NumericMode;
import dev.krait.error.EngineException;
import dev.krait.testing.Requirement;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Each kernel to which there are alternatives, forced in turn, gives the bits of those that are
/// taken by themselves; skipped on a machine without a GPU.
class ForcedKernelsTest {
  private static final String PROPERTY = "krait.cuda.kernels";

  @AfterEach
  void forceNothing() {
    System.clearProperty(PROPERTY);
  }

  @Test
  void namesThatAreNoAlternativesAreRefused() {
    System.setProperty(PROPERTY, "attend_f32,matmul_few_r9");
    ForcedKernels forced = ForcedKernels.ofProperty();
    assertThat(forced.has("attend_f32")).isTrue();
    assertThat(forced.has("matmul_few_r8")).isFalse();
    assertThat(forced.alternatives()).containsExactly("attend_f32", "matmul_few_r8");
    assertThatThrownBy(forced::requireKnown)
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "krait.cuda.kernels: matmul_few_r9 (expected: one of attend_f32, matmul_few_r8)");
  }

  @Test
  void withoutThePropertyNothingIsForced() {
    ForcedKernels forced = ForcedKernels.ofProperty();
    assertThat(forced.has("attend_f32")).isFalse();
    forced.requireKnown();
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(NumericMode.class)
  void everyKernelGivesTheSameBits(NumericMode mode) {
    CudaBackendProvider provider = new CudaBackendProvider();
    Requirement.CUDA.orSkip(provider.unavailable());
    Requirement.CUDA.orSkip(
        provider.modes().contains(mode)
            ? Optional.empty()
            : Optional.of("the device does not have the mode " + mode.text()));
    List<String> names;
    List<float[]> expected;
    try (CudaBackend backend = CudaBackend.open(mode)) {
      names = backend.alternatives();
      expected = new Alternatives(backend).results();
    }
    assertThat(names).hasSizeGreaterThan(20);
    for (String name : names) {
      System.setProperty(PROPERTY, name);
      try (Backend forced = CudaBackend.open(mode)) {
        assertSame(name, new Alternatives(forced).results(), expected);
      }
    }
  }

  private static void assertSame(String name, List<float[]> actual, List<float[]> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      int different = Arrays.mismatch(actual.get(i), expected.get(i));
      assertThat(different).as("%s: result %d, first element that differs", name, i).isEqualTo(-1);
    }
  }
}
