package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import org.junit.jupiter.api.Test;
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

  @Test
  void copiesWithinItself() {
    HostBuffer buffer = HostBuffer.over(new float[] {1, 2, 3, 4, 5, 6});
    buffer.copy(1, 4, 2);
    assertThat(HostBuffer.floats(buffer)).containsExactly(1, 2, 3, 4, 2, 3);
  }
}
