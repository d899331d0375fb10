package dev.krait.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.krait.backend.Backends;
import dev.krait.backend.NumericMode;
import dev.krait.error.EngineException;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A machine without a GPU.
class CudaBackendProviderTest {
  private final CudaBackendProvider provider = new CudaBackendProvider();

  @BeforeEach
  void requireNoDevice() {
    assumeTrue(provider.unavailable().isPresent(), "needs a machine without a GPU");
  }

  @Test
  void askedForByNameItSaysWhyItCannotRun() {
    assertThatThrownBy(
            () -> Backends.select("cuda", OptionalInt.empty(), NumericMode.EXACT::equals))
        .isInstanceOf(EngineException.class)
        .hasMessage("backend: cuda cannot run here: " + provider.unavailable().orElseThrow());
  }

  @Test
  void autoTakesTheProcessorsAndSaysWhy() {
    Backends.Selection selection =
        Backends.select("auto", OptionalInt.of(1), NumericMode.EXACT::equals);
    try (var backend = selection.backend()) {
      assertThat(backend.name()).isEqualTo("cpu");
    }

    assertThat(selection.reason()).isEqualTo("auto; cuda: " + provider.unavailable().orElseThrow());
  }
}
