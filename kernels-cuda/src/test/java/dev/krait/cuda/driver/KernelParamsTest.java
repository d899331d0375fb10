package dev.krait.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/// The layout is that of a C struct with pointers.
class KernelParamsTest {
  private final KernelParams params = new KernelParams(Arena.ofAuto());

  @Test
  void pointersAreAligned() {
    params.begin();
    params.integer(1).pointer(2);

    assertThat(params.size()).isEqualTo(16);
  }

  @Test
  void theStructEndsAtAMultipleOfAPointer() {
    params.begin();
    params.pointer(1).integer(2).integer(3).real(4);

    assertThat(params.size()).isEqualTo(24);
  }

  @Test
  void aStructInsideEndsBeforeTheNextField() {
    params.begin();
    params.pointer(1).integer(2).align().integer(3).integer(4);

    assertThat(params.size()).isEqualTo(24);
  }

  @Test
  void everyLaunchBeginsAnew() {
    params.begin();
    params.pointer(1).pointer(2);
    params.begin();
    params.integer(1);

    assertThat(params.size()).isEqualTo(8);
  }
}
