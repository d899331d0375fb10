package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpecialStopMatcherTest {
  private static SpecialStopMatcher matcher(boolean include, String... stops) {
    return new SpecialStopMatcher(StopStrings.of(List.of(stops)), include);
  }

  @Test
  void aHiddenTokenStopsAndLeavesNoText() {
    SpecialStopMatcher matcher = matcher(false, "<|end|>");
    assertThat(matcher.push("Hello", false)).isEqualTo("Hello");
    assertThat(matcher.push("<|end|>", true)).isEmpty();
    assertThat(matcher.matched()).contains("<|end|>");
    assertThat(matcher.push("more", false)).isEmpty();
    assertThat(matcher.flush()).isEmpty();
  }

  @Test
  void aStopOfTextAndTokenTakesTheTextAlong() {
    SpecialStopMatcher matcher = matcher(false, "\n<|user|>\n");
    assertThat(matcher.push("Hello\n", false)).isEqualTo("Hello");
    assertThat(matcher.push("<|user|>", true)).isEmpty();
    assertThat(matcher.push("\nHi", false)).isEmpty();
    assertThat(matcher.matched()).contains("\n<|user|>\n");
  }

  @Test
  void whatWasHeldBackForNothingIsGivenOutWithoutTheToken() {
    SpecialStopMatcher matcher = matcher(false, "\n<|user|>\n");
    assertThat(matcher.push("Hello\n", false)).isEqualTo("Hello");
    assertThat(matcher.push("<|user|>", true)).isEmpty();
    assertThat(matcher.push("x", false)).isEqualTo("\nx");
    assertThat(matcher.push("\n", false)).isEmpty();
    assertThat(matcher.push("<|user|>", true)).isEmpty();
    assertThat(matcher.flush()).isEqualTo("\n");
    assertThat(matcher.matched()).isEmpty();
  }

  @Test
  void theStopStringIsShownWhereItWasAskedFor() {
    SpecialStopMatcher matcher = matcher(true, "b<|end|>");
    assertThat(matcher.push("ab", false)).isEqualTo("a");
    assertThat(matcher.push("<|end|>", true)).isEqualTo("b<|end|>");
  }
}
