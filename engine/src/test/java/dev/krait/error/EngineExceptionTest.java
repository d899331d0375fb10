package dev.krait.error;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EngineExceptionTest {
  @Test
  void namesTheFieldTheValueAndWhatWasExpected() {
    EngineException e = EngineException.invalidArgument("top_p", 1.5, "0 to 1");
    assertThat(e).hasMessage("top_p: 1.5 (expected: 0 to 1)");
    assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    assertThat(e.field()).contains("top_p");
    assertThat(new EngineException(ErrorCode.INTERNAL, "top_p: 1.5").field()).isEmpty();
  }

  @Test
  void repeatsTheStartOfALongValueAlone() {
    EngineException e = EngineException.invalidArgument("model", "x".repeat(1 << 20), "a name");
    assertThat(e).hasMessage("model: " + "x".repeat(200) + "... (expected: a name)");
  }

  @Test
  void aMessageIsOneBoundedLineWhateverWasReceived() {
    EngineException e =
        new EngineException(
            ErrorCode.INTERNAL, "a\nb\r\u001b[1m\u0085\u2028\u2029" + "y".repeat(9000));
    assertThat(e.getMessage()).startsWith("a b  [1m   yyy").endsWith("y...").hasSize(2003);
  }

  @Test
  void cutsNoCharacterInTwo() {
    EngineException e =
        EngineException.invalidArgument(
            "x".repeat(300), "\ud83d\ude00" + "\ud83d\ude00".repeat(200), "y");
    String text = String.valueOf(e.getMessage());
    assertThat(text.chars().filter(c -> Character.isHighSurrogate((char) c)).count())
        .isEqualTo(text.chars().filter(c -> Character.isLowSurrogate((char) c)).count())
        .isEqualTo(100);
    assertThat(EngineException.shown("a" + "\ud83d\ude00".repeat(200))).hasSize(199 + 3);
    assertThat(e.field().orElseThrow()).hasSize(203);
  }
}
