package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostBufferTest {

  @ParameterizedTest
  @ValueSource(longs = {-1, Integer.MAX_VALUE - 8, Integer.MAX_VALUE, 1L << 40})
  void saysThatThereIsNoRoom(long elements) {
    EngineException failure =
        catchThrowableOfType(EngineException.class, () -> HostBuffer.allocate(elements));

    assertThat(failure).as("a refusal").isNotNull();
    assertThat(failure.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
    assertThat(failure.getMessage()).startsWith("buffer: ").contains("(expected: ");
  }
}
